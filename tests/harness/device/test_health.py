"""The health of a device: a scripted NVML, system files in a folder, and this machine as it is."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from harness.device import health
from harness.device.devices import find_device
from harness.doctor.examine import examine
from harness.store.manifest import make_manifest
from tests.harness.device.test_devices import gpu, write

CPU = find_device("cpu")
GPU = dataclasses.replace(CPU, kind="cuda", torch_device="cuda:0", name="NVIDIA H100 80GB HBM3")


class ScriptedNvml(SimpleNamespace):
    """A pynvml whose answers are given; what has none raises as NVML does where something is not supported."""

    class NVMLError(Exception):
        pass

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    answers: dict

    def nvmlInit(self):
        if "init" in self.answers:
            raise self.NVMLError(self.answers["init"])

    def nvmlDeviceGetHandleByUUID(self, uuid):
        assert uuid == "GPU-1234"
        return "handle"

    def __getattr__(self, function):
        if not function.startswith("nvmlDeviceGet"):  # nothing else may be called: nothing is ever set
            raise AttributeError(function)

        def answer(handle, *arguments):
            assert handle == "handle"
            key = (function.removeprefix("nvmlDeviceGet"), *arguments)
            if key not in self.answers:
                raise self.NVMLError("Not Supported")
            found = self.answers[key]
            return found.pop(0) if isinstance(found, list) and key[0] != "ComputeRunningProcesses" else found

        return answer


ANSWERS = {
    ("ClockInfo", 1): 1980,
    ("ClockInfo", 2): 2619,
    ("MaxClockInfo", 1): 1980,
    ("MaxClockInfo", 2): 2619,
    ("Temperature", 0): 41,
    ("PowerUsage",): 312500,
    ("EnforcedPowerLimit",): 700000,
    ("CurrentClocksEventReasons",): 0,
    ("EccMode",): (1, 1),
    ("MigMode",): (0, 0),
    ("PersistenceMode",): 1,
    ("ComputeRunningProcesses",): [],
}


@pytest.fixture
def nvml(monkeypatch):
    """Puts a scripted NVML in the place of pynvml, and a GPU in that of torch's."""

    def put(**answers):
        changed = {key if isinstance(key, tuple) else (key,): value for key, value in answers.items()}
        if "init" in answers:
            changed["init"] = answers["init"]
        scripted = ScriptedNvml(answers=ANSWERS | changed)
        monkeypatch.setitem(sys.modules, "pynvml", scripted)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpu(uuid="1234"))
        monkeypatch.setattr(torch.version, "hip", None)
        return scripted

    return put


def test_a_gpu_is_read_by_nvml(nvml):
    nvml()
    assert health.reader(GPU)()["gpu"] == {
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 2619,
        "temperature_c": 41,
        "power_w": 312.5,
        "slowed_by": (),
    }


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (0x0, 0x0, []),
        (0x1, 0x0, []),  # idle before it starts
        (0x2, 0x102, []),  # clocks that the user has set, and a display's
        (0x0, 0x4, ["power cap"]),
        (0x8 | 0x40, 0x4, ["hardware slowdown", "heat (hardware)", "power cap"]),
        (0x20, 0x20, ["heat (software)"]),
    ],
)
def test_a_throttle_before_or_after_marks_the_rows_and_says_why(nvml, before, after, why):
    nvml(CurrentClocksEventReasons=[before, after])
    read = health.reader(GPU)
    found = health.between(read(), read())
    assert found["slowed_by"] == why
    assert found["flags"] == (["throttled"] if why else [])
    assert found["gpu"]["after"]["sm_clock_mhz"] == 1980
    json.dumps(found, allow_nan=False)


def test_an_older_driver_has_another_name_for_the_reasons(nvml):
    scripted = nvml(CurrentClocksThrottleReasons=0x80)
    del scripted.answers[("CurrentClocksEventReasons",)]
    assert health.reader(GPU)()["gpu"]["slowed_by"] == ("power brake",)


def test_what_a_gpu_does_not_tell_is_none_and_no_throttle(nvml):
    scripted = nvml()
    scripted.answers.clear()
    reading = health.reader(GPU)()
    assert set(reading["gpu"].values()) == {None}
    assert health.between(reading, reading)["flags"] == []
    assert set(health.settings(GPU)["gpu"].values()) == {None}


def test_settings_and_other_processes_are_in_the_manifest(nvml):
    nvml(ComputeRunningProcesses=[SimpleNamespace(pid=1), SimpleNamespace(pid=2)], MigMode=(1, 1))
    made = make_manifest(GPU, {}, [])
    assert made.health["gpu"] == {
        "sm_clock_max_mhz": 1980,
        "memory_clock_max_mhz": 2619,
        "power_limit_w": 700.0,
        "ecc": True,
        "mig": True,
        "persistence": True,
        "other_processes": 2,
    }
    assert made.health["cpu"]["usable_cores"] == CPU.cores


def test_the_doctor_shows_them(nvml, monkeypatch):
    nvml(ComputeRunningProcesses=[SimpleNamespace(pid=1)], CurrentClocksEventReasons=0x4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for slow in ("_run_kernel", "_machine_code", "_emulated_gpu", "_compiler", "preflight_of"):
        monkeypatch.setattr(f"harness.doctor.examine.{slow}", lambda *_: [])
    (found,) = [each for each in examine() if each and each.topic == "NVML"]
    assert found.detail == (
        "cuda:0 SM clock 1980 of 1980 MHz, memory clock 2619 of 2619 MHz, 41 °C, 312 of 700.0 W, "
        "slowed by power cap, ECC on, MIG off, persistence on, other processes 1"
    )
    assert found.status == "note"
    assert "cuda:0 is slowed down by power cap" in found.mend
    assert "stop the other processes on cuda:0" in found.mend


@pytest.mark.parametrize("missing", ["library", "driver"])
def test_without_nvml_the_cpu_is_read_and_the_manifest_says_why(nvml, monkeypatch, missing):
    nvml(init="Driver Not Loaded")
    if missing == "library":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    why = {"library": "nvidia-ml-py is not installed", "driver": "NVML says: Driver Not Loaded"}[missing]
    assert set(health.reader(GPU)()) == {"cpu"}
    assert health.settings(GPU)["gpu"] == {"why": why}


def test_this_machine_is_read(monkeypatch):
    read = health.reader(CPU)
    before = read()
    spent = time.process_time()
    while time.process_time() < spent + 0.1:
        pass
    found = health.between(before, read())
    assert found["cpu"]["elapsed_s"] >= 0.1
    assert found["cpu"]["load_average"][1] > 0
    assert 0 <= found["cpu"]["others_share"] <= 1
    json.dumps(found, allow_nan=False)


def test_another_program_on_the_cores_is_seen(monkeypatch):
    """A busy loop in another process for each core, which this process only waits for."""
    script = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    read = health.reader(CPU)
    before = read()
    others = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(CPU.cores)]
    for other in others:
        assert other.wait() == 0
    found = health.between(before, read())
    assert found["cpu"]["others_share"] > health.DISTURBED_SHARE
    assert "disturbed" in found["flags"]


def cpu_reading(**changes):
    still = {
        "time_s": 0.0, "frequency_mhz": 2000.0, "load_average": 0.0, "busy_s": 0.0, "own_s": 0.0,
        "stolen_s": 0.0, "quota_held_s": None, "heat_events": None,
    }  # fmt: skip
    return {"cpu": still | changes}


@pytest.mark.parametrize(
    ("before", "after", "flags"),
    [
        ({}, {"busy_s": 9.0, "own_s": 9.0}, []),
        ({}, {"busy_s": 1e4, "own_s": 0.0}, ["disturbed"]),
        ({}, {"stolen_s": 1e4}, ["disturbed"]),
        ({"quota_held_s": 5.0}, {"quota_held_s": 5.0}, []),
        ({"quota_held_s": 5.0}, {"quota_held_s": 6.0}, ["throttled"]),
        ({"heat_events": 7}, {"heat_events": 7}, []),
        ({"heat_events": 7}, {"heat_events": 8}, ["throttled"]),
    ],
)
def test_counters_of_the_system_tell_of_the_time_between(before, after, flags):
    found = health.between(cpu_reading(**before), cpu_reading(**{"time_s": 10.0} | after))
    assert found["flags"] == flags
    assert bool(found["slowed_by"]) == ("throttled" in flags)


def test_system_files_are_read(tmp_path):
    write(
        tmp_path,
        {
            "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave",
            "sys/devices/system/cpu/cpufreq/policy1/scaling_governor": "performance",
            "sys/devices/system/cpu/intel_pstate/no_turbo": "1",
            "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,64",
            "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3",
            "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4",
            "sys/devices/system/node/online": "0-1,4",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
            "sys/fs/cgroup/cpu.stat": "usage_usec 99\nnr_throttled 2\nthrottled_usec 1500000",
        },
    )
    found = health.cpu_settings(tmp_path)
    assert (found["governor"], found["boost"], found["huge_pages"]) == ("performance, powersave", False, "madvise")
    assert (found["threads_per_core"], found["numa_nodes"]) == (2, 3)
    reading = health.read_cpu(tmp_path)
    assert (reading.heat_events, reading.quota_held_s) == (7, 1.5)


def test_what_the_system_does_not_tell_is_none(tmp_path):
    found = health.cpu_settings(tmp_path)
    for name in ("governor", "boost", "threads_per_core", "numa_nodes", "huge_pages"):
        assert found[name] is None
    assert (health.read_cpu(tmp_path).heat_events, health.read_cpu(tmp_path).quota_held_s) == (None, None)
