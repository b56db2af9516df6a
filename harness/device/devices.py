"""The device that a run is measured on: one GPU, or the CPU."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from harness.device.datasheets import DATASHEETS, by_driver_name
from harness.plumbing.errors import first_line

DeviceKind = Literal["cpu", "cuda"]

MIB = 1 << 20
_ROOT = Path("/")  # where the files of the system lie
_CACHE_FALLBACK = 32 * MIB  # larger than most last-level caches of a desktop: a flush of it still flushes


class DeviceError(ValueError):
    """A device that cannot be used; the message names the fault and the mend."""


@dataclass(frozen=True)
class Device:
    """Where a run takes place, and the sizes that the measurement depends on."""

    kind: DeviceKind
    torch_device: str  # "cpu", "cuda:0", …
    name: str
    last_level_cache_bytes: int
    memory_bytes: int
    cores: int  # CPU: those this process may use; CUDA: streaming multiprocessors
    capability: str | None  # "sm_90"; on a CPU what kernels are compiled for, where that was asked for
    peak_gbps: float | None  # the datasheet's memory peak, where it is known


def find_device(spec: str = "auto") -> Device:
    """The device that `spec` names: "auto" (the first GPU, else the CPU), "cpu", "cuda" or "cuda:N".

    Raises DeviceError.
    """
    if spec == "cpu":
        return _cpu()
    matched = re.fullmatch(r"auto|cuda(?::([0-9]+))?", spec)
    if matched is None:
        raise DeviceError(f"--device {spec!r} is not known; use auto, cpu, cuda or cuda:N")
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of torch is missing
        raise DeviceError(f"torch cannot be imported ({error}); run 'make setup'") from error

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0 and spec == "auto":
        return _cpu()
    index = int(matched[1] or 0)
    if count == 0:
        built_for_gpu = torch.version.cuda or torch.version.hip
        mend = "check the driver with nvidia-smi" if built_for_gpu else "install a CUDA build of torch"
        raise DeviceError(f"no CUDA device was found, so --device {spec} cannot be used; use --device cpu, or {mend}")
    if index >= count:
        last = "cuda:0 is the only one" if count == 1 else f"they are cuda:0 to cuda:{count - 1}"
        raise DeviceError(f"--device {spec} names a GPU that is not here; {last}")
    try:
        return _cuda(index, torch.cuda.get_device_properties(index))
    except RuntimeError as error:
        raise DeviceError(f"cuda:{index} does not answer ({first_line(error)}); check it with nvidia-smi") from error


def compiling_for(device: Device, arch: str) -> Device:
    """A CPU where kernels are compiled for `arch` to be run by the emulated GPU. Raises DeviceError."""
    known = dict.fromkeys(sheet.arch for sheet in DATASHEETS if sheet.arch.startswith("sm_"))
    if arch not in known:
        raise DeviceError(f"there is no architecture {arch!r} to emulate; choose from {', '.join(known)}")
    if device.kind != "cpu":
        raise DeviceError(
            f"--arch is for the emulated GPU, and {device.name} is a real one; leave it out, or --device cpu"
        )
    return replace(device, capability=arch)


def _cuda(index: int, properties: Any) -> Device:
    # A ROCm build of torch names the architecture by itself, as in "gfx942:sramecc+:xnack-".
    amd = str(getattr(properties, "gcnArchName", "")).partition(":")[0]
    datasheet = by_driver_name(properties.name)
    return Device(
        kind="cuda",
        torch_device=f"cuda:{index}",
        name=properties.name,
        last_level_cache_bytes=properties.L2_cache_size,
        memory_bytes=properties.total_memory,
        cores=properties.multi_processor_count,
        capability=amd if amd.startswith("gfx") else f"sm_{properties.major}{properties.minor}",
        peak_gbps=datasheet.memory_gbps if datasheet else None,
    )


def _cpu() -> Device:
    return Device(
        kind="cpu",
        torch_device="cpu",
        name=_cpu_name(),
        last_level_cache_bytes=max(cpu_caches().values(), default=_CACHE_FALLBACK),
        memory_bytes=usable_memory(),
        cores=usable_cores(),
        capability=None,
        peak_gbps=None,
    )


def cpu_caches(root: Path = _ROOT) -> dict[str, int]:
    """Bytes of each cache that the first core sees, by name ("L1d", "L2", …); empty where none is told."""
    caches = {}
    for index in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        size = re.fullmatch(r"([0-9]+)([KMG]?)", read_text(index / "size"))
        if size is not None:
            suffix = {"Data": "d", "Instruction": "i"}.get(read_text(index / "type"), "")
            unit = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[size[2]]
            caches[f"L{read_text(index / 'level')}{suffix}"] = int(size[1]) * unit
    return caches


def read_text(path: Path) -> str:
    """A one-line system file; empty where it is not there, as many are not in a container."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _cpu_name() -> str:
    named = re.search(r"^model name\s*:\s*(.+)$", read_text(Path("/proc/cpuinfo")), re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine() or "CPU"


def usable_cores(root: Path = _ROOT) -> int:
    """Cores that this process may run on, or the whole cores that a container's quota pays for."""
    can_ask = hasattr(os, "sched_getaffinity")  # Linux only
    cores = len(os.sched_getaffinity(0)) if can_ask else os.cpu_count() or 1
    quotas = [
        line.split() for line in cgroup_settings(root, "", "cpu.max")
    ]  # version 2: "200000 100000", or "max 100000"
    v1_quotas = cgroup_settings(root, "cpu", "cpu.cfs_quota_us")  # version 1: one file each, and -1 for no limit
    v1_periods = cgroup_settings(root, "cpu", "cpu.cfs_period_us")
    quotas += [[quota, period] for quota, period in zip(v1_quotas, v1_periods, strict=False)]
    for quota, period in (pair for pair in quotas if len(pair) == 2):
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def usable_memory(root: Path = _ROOT) -> int:
    """Bytes of memory that this process may use: the machine's, or what a container limits it to."""
    limits = [*cgroup_settings(root, "", "memory.max"), *cgroup_settings(root, "memory", "memory.limit_in_bytes")]
    return min([int(psutil.virtual_memory().total), *(int(limit) for limit in limits if limit.isdigit())])


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that can still be taken: of the machine's, and of what this process's control groups may have."""
    free = [int(psutil.virtual_memory().available)]
    for controller, limit, used in (("", "memory.max", "memory.current"),
                                    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes")):  # fmt: skip
        each = zip(
            cgroup_settings(root, controller, limit),
            cgroup_settings(root, controller, used),
            cgroup_settings(root, controller, "memory.stat"),
            strict=False,
        )
        for most, now, stat in each:
            cached = re.search(r"^(?:total_)?inactive_file (\d+)$", stat, re.MULTILINE)  # given up when it is wanted
            if most.strip().isdigit() and now.strip().isdigit():
                free.append(int(most) - int(now) + (int(cached[1]) if cached else 0))
    return max(0, min(free))


def cgroup_settings(root: Path, controller: str, name: str) -> Iterator[str]:
    """The setting `name` of this process's control group and of the groups above it: each of them limits.

    Version 1 has a tree of groups for each controller; version 2 has one, whose controller is "".
    """
    top = root / "sys/fs/cgroup" / controller
    listed = re.findall(r"^[0-9]+:(.*?):/(.*)$", read_text(root / "proc/self/cgroup"), re.MULTILINE)
    own = next((path for controllers, path in listed if controller in controllers.split(",")), "")
    group = top if ".." in Path(own).parts else top / own  # "..": outside of what a container sees
    for folder in (group, *group.parents):
        if folder.is_relative_to(top) and (text := read_text(folder / name)):
            yield text
