"""Reads the state of a device, and changes nothing: clocks, temperature, throttle reasons, other processes.

A reading is taken right before and right after the samples of a case, and `between` holds the two against each
other; harness.device.readings takes those in the middle. Counters of the system (time taken by others, by the
hypervisor, by a container's quota) are told by their growth between the two, so that what happened in the middle of a
case is seen as well.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.device.devices import Device, cgroup_settings, read_text, usable_cores
from harness.device.placement import uuid_of

_ROOT = Path("/")

# NVML's bits of nvmlClocksEventReasons that mean: slower than it could be, for a reason from outside the kernel.
# Not among them: idle, clocks that the user has set, and a display's.
SLOWING = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x10: "sync boost",
    0x20: "heat (software)",
    0x40: "heat (hardware)",
    0x80: "power brake",
}
# What others, or the hypervisor, may take of the cores before a row counts as disturbed, and how long a quota may
# hold this process before it counts as throttled: shares of the time.
DISTURBED_SHARE = 0.05
THROTTLED_SHARE = 0.01

Reading = dict[str, Any]


@dataclass(frozen=True)
class GpuReading:
    """What NVML says at one moment. None where the device does not tell."""

    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None
    power_w: float | None
    slowed_by: tuple[str, ...] | None


@dataclass(frozen=True)
class CpuReading:
    """What the system says at one moment; times in seconds since some start, summed over the cores."""

    time_s: float
    frequency_mhz: float | None  # mean over the cores
    load_average: float  # over a minute
    busy_s: float  # of all programs
    own_s: float  # of this process
    stolen_s: float  # by the hypervisor, for other guests
    quota_held_s: float | None  # how long a container's quota held its processes
    heat_events: int | None  # how often heat has slowed a core down


def reader(device: Device) -> Callable[[], Reading]:
    """What takes a reading of `device`, as plain data: the CPU's, and a GPU's beside it where NVML answers."""
    gpu = Nvml.of(device)
    if not isinstance(gpu, Nvml):
        return lambda: {"cpu": dataclasses.asdict(read_cpu())}
    return lambda: {"cpu": dataclasses.asdict(read_cpu()), "gpu": dataclasses.asdict(gpu.read())}


def between(before: Reading, after: Reading, meanwhile: Sequence[str] = ()) -> dict[str, Any]:
    """The two readings and what they say about the time between them; `flags` are marks for the records.

    `meanwhile` is what a GPU was slowed down by between the two.
    """
    cpu = _cpu_between(before["cpu"], after["cpu"])
    slowed_by = list(cpu.pop("slowed_by"))
    found: dict[str, Any] = {"cpu": cpu}
    if "gpu" in before and "gpu" in after:
        found["gpu"] = {"before": before["gpu"], "after": after["gpu"]}
        slowed_by = []  # what holds the host up is in no GPU's time
        for reading in (before["gpu"], after["gpu"]):
            slowed_by += [why for why in reading["slowed_by"] or () if why not in slowed_by]
        slowed_by += [why for why in meanwhile if why not in slowed_by]
    disturbed = "gpu" not in found and max(cpu["others_share"], cpu["stolen_share"]) > DISTURBED_SHARE
    flags = ["throttled"] * bool(slowed_by) + ["disturbed"] * disturbed
    return {**found, "slowed_by": slowed_by, "flags": flags}


def _cpu_between(before: Reading, after: Reading) -> dict[str, Any]:
    elapsed_s = max(after["time_s"] - before["time_s"], 1e-9)
    cores = os.cpu_count() or 1

    def grown(name: str) -> float:
        if before[name] is None or after[name] is None:
            return 0.0
        return max(0.0, float(after[name] - before[name]))

    slowed_by = []
    if grown("quota_held_s") > THROTTLED_SHARE * elapsed_s:
        slowed_by.append("the container's quota of CPU time")
    if grown("heat_events"):
        slowed_by.append("heat")
    # The system counts in ticks of 10 ms, so over a short case shares are rough; never below 0.
    return {
        "elapsed_s": elapsed_s,
        "frequency_mhz": [before["frequency_mhz"], after["frequency_mhz"]],
        "load_average": [before["load_average"], after["load_average"]],
        "others_share": _share(grown("busy_s") - grown("own_s"), elapsed_s, cores),
        "stolen_share": _share(grown("stolen_s"), elapsed_s, cores),
        "quota_held_s": None if after["quota_held_s"] is None else grown("quota_held_s"),
        "slowed_by": slowed_by,
    }


def _share(core_s: float, elapsed_s: float, cores: int) -> float:
    # Two ticks may be counted late on every core.
    return round(min(1.0, max(0.0, core_s - 0.02 * cores) / elapsed_s / cores), 4)


def read_cpu(root: Path = _ROOT) -> CpuReading:
    """The state of the CPU now."""
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    stolen_s = getattr(times, "steal", 0.0)
    # A guest's time is in its host's `user` already.
    all_s = sum(value for name, value in times._asdict().items() if not name.startswith("guest"))
    own = psutil.Process().cpu_times()
    return CpuReading(
        time_s=time.monotonic(),
        frequency_mhz=_frequency_mhz(),
        load_average=os.getloadavg()[0],
        busy_s=all_s - idle_s - stolen_s,
        own_s=own.user + own.system,
        stolen_s=stolen_s,
        quota_held_s=_quota_held_s(root),
        heat_events=_heat_events(root),
    )


def _frequency_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return round(frequency.current, 1) if frequency and frequency.current else None


def _quota_held_s(root: Path) -> float | None:
    """How long quotas have held this control group, in seconds; None where nothing counts it."""
    counts = []
    for controller, name, unit_s in (("", "throttled_usec", 1e-6), ("cpu", "throttled_time", 1e-9)):
        for text in cgroup_settings(root, controller, "cpu.stat"):
            counts += [int(line.split()[1]) * unit_s for line in text.splitlines() if line.split()[:1] == [name]]
    return max(counts, default=None)


def _heat_events(root: Path) -> int | None:
    """How often cores were slowed down by heat since the start; None where the processor does not count it."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    counts = [int(text) for text in map(read_text, files) if text.isdigit()]
    return sum(counts) if counts else None


def cpu_settings(root: Path = _ROOT) -> dict[str, Any]:
    """What about the CPU stays as it is during a run: how it is clocked, divided and shared. For the manifest."""
    cpufreq = root / "sys/devices/system/cpu/cpufreq"
    governors = {read_text(path) for path in cpufreq.glob("policy*/scaling_governor")} - {""}
    boost = read_text(cpufreq / "boost")
    no_turbo = read_text(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    pages = read_text(root / "sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "governor": ", ".join(sorted(governors)) or None,
        "boost": boost == "1" if boost else no_turbo == "0" if no_turbo else None,
        "frequency_mhz": _frequency_mhz(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(root),
        "threads_per_core": _threads_per_core(root),
        "numa_nodes": _listed(read_text(root / "sys/devices/system/node/online")),
        "huge_pages": pages[pages.find("[") + 1 : pages.find("]")] if "[" in pages else None,
        "load_average": list(os.getloadavg()),
    }


def _threads_per_core(root: Path) -> int | None:
    return _listed(read_text(root / "sys/devices/system/cpu/cpu0/topology/thread_siblings_list"))


def _listed(text: str) -> int | None:
    """How many numbers a kernel's list such as "0-3,8" names; None for no list."""
    try:
        spans = [[int(end) for end in span.split("-")] for span in text.split(",")]
    except ValueError:
        return None
    return sum(span[-1] - span[0] + 1 for span in spans)


class Nvml:
    """One GPU, asked by NVIDIA's management library. Needs no rights and changes nothing."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library = library
        self._handle = handle

    @classmethod
    def of(cls, device: Device) -> Nvml | str:
        """The GPU behind `device`; or why it cannot be asked, as part of a sentence."""
        if device.kind != "cuda":
            return "not a GPU"
        import torch

        if torch.version.hip:
            return "NVML is not for AMD GPUs"
        try:
            import pynvml
        except ImportError:
            return "nvidia-ml-py is not installed"
        try:
            pynvml.nvmlInit()
            # By UUID: CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER number torch's GPUs otherwise than NVML's.
            uuid = uuid_of(device)
            if uuid is None:
                return "torch is too old to tell a GPU's UUID"
            return cls(pynvml, pynvml.nvmlDeviceGetHandleByUUID(uuid))
        except (pynvml.NVMLError, AttributeError) as error:  # AttributeError: a library too old to ask
            return f"NVML says: {error}"

    def read(self) -> GpuReading:
        """The state of the GPU now. Takes up to a few milliseconds: never inside of a timed region."""
        power_mw = self._ask("nvmlDeviceGetPowerUsage")
        return GpuReading(
            sm_clock_mhz=self._ask("nvmlDeviceGetClockInfo", self._library.NVML_CLOCK_SM),
            memory_clock_mhz=self._ask("nvmlDeviceGetClockInfo", self._library.NVML_CLOCK_MEM),
            temperature_c=self._ask("nvmlDeviceGetTemperature", self._library.NVML_TEMPERATURE_GPU),
            power_w=None if power_mw is None else power_mw / 1e3,
            slowed_by=self._slowed_by(),
        )

    def sm_clock_max_mhz(self) -> int | None:
        """The clock that the GPU may have at most."""
        clock: int | None = self._ask("nvmlDeviceGetMaxClockInfo", self._library.NVML_CLOCK_SM)
        return clock

    def energy_mj(self) -> int | None:
        """What the whole board has used since its driver was loaded, in millijoules."""
        energy: int | None = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return energy

    def _slowed_by(self) -> tuple[str, ...] | None:
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:  # the name before driver 535
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        if reasons is None:
            return None
        return tuple(name for bit, name in SLOWING.items() if reasons & bit)

    def settings(self) -> dict[str, Any]:
        """What about the GPU stays as it is during a run, and how many others use it. For the manifest."""
        ecc, mig = self._ask("nvmlDeviceGetEccMode"), self._ask("nvmlDeviceGetMigMode")  # (current, pending)
        persistence = self._ask("nvmlDeviceGetPersistenceMode")
        limit_mw = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        # Their number alone: a manifest is published, and names of others' programs are theirs.
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses")
        others = None if processes is None else sum(process.pid != os.getpid() for process in processes)
        return {
            "sm_clock_max_mhz": self.sm_clock_max_mhz(),
            "memory_clock_max_mhz": self._ask("nvmlDeviceGetMaxClockInfo", self._library.NVML_CLOCK_MEM),
            "power_limit_w": None if limit_mw is None else limit_mw / 1e3,
            "ecc": None if ecc is None else bool(ecc[0]),
            "mig": None if mig is None else bool(mig[0]),
            "persistence": None if persistence is None else bool(persistence),
            "other_processes": others,
        }

    def _ask(self, function: str, *arguments: Any) -> Any:
        """An answer, or None: not supported by this GPU, this driver or this library, or not permitted here."""
        try:
            return getattr(self._library, function)(self._handle, *arguments)
        except (self._library.NVMLError, AttributeError):
            return None


def settings(device: Device) -> dict[str, Any]:
    """What stays as it is during a run: the CPU's settings, and the GPU's, or why they are not known."""
    found: dict[str, Any] = {"cpu": cpu_settings()}
    if device.kind == "cuda":
        gpu = Nvml.of(device)
        found["gpu"] = gpu.settings() if isinstance(gpu, Nvml) else {"why": gpu}
    return found
