from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
import torch

from harness.device.devices import (
    DeviceError,
    compiling_for,
    cpu_caches,
    find_device,
    read_text,
    usable_cores,
    usable_memory,
)
from tests.harness.command import environment

MIB = 1 << 20
NOWHERE = ["cuda", "cuda:0", "cuda:7", "cuda:99999999999999999999"]
UNKNOWN = ["", "gpu", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "cuda:0,1", "cuda:٣", "mps", "cuda:0\n", "auto "]


def in_a_process(script, **variables):
    """What `script` prints as JSON, in a fresh process with these environment variables."""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment() | variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


def test_the_cpu_has_sizes_that_a_measurement_can_use():
    cpu = find_device("cpu")
    assert (cpu.kind, cpu.torch_device, cpu.capability, cpu.peak_gbps) == ("cpu", "cpu", None, None)
    assert cpu.name.strip() and "\n" not in cpu.name
    assert 1 <= cpu.cores <= os.cpu_count()
    assert 1 * MIB < cpu.memory_bytes <= psutil.virtual_memory().total
    assert 16 * 1024 <= cpu.last_level_cache_bytes < cpu.memory_bytes


def test_the_cpu_is_found_without_torch():
    script = "import json, sys; from harness.device.devices import find_device; find_device('cpu')"
    assert in_a_process(script + "; print(json.dumps('torch' in sys.modules))") is False


@pytest.mark.parametrize("spec", UNKNOWN)
def test_what_is_no_device_is_refused_in_one_sentence(spec):
    with pytest.raises(DeviceError, match="is not known; use auto, cpu, cuda or cuda:N") as caught:
        find_device(spec)
    assert repr(spec) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def without_a_gpu():
    """What `find_device` makes of each spec where CUDA shows no device: a Device's fields, or the refusal."""
    script = """
import dataclasses, json, sys
from harness.device.devices import DeviceError, find_device
def answer(spec):
    try:
        return dataclasses.asdict(find_device(spec))
    except DeviceError as error:
        return str(error)
print(json.dumps({spec: answer(spec) for spec in %r}))
"""
    return in_a_process(script % ["auto", "cpu", *NOWHERE], CUDA_VISIBLE_DEVICES="")


def test_auto_is_the_cpu_where_there_is_no_gpu(without_a_gpu):
    assert without_a_gpu["auto"] == without_a_gpu["cpu"] == dataclasses.asdict(find_device("cpu"))


@pytest.mark.parametrize("spec", NOWHERE)
def test_a_gpu_that_is_not_there_is_refused_with_the_mend(without_a_gpu, spec):
    mend = "check the driver with nvidia-smi" if torch.version.cuda or torch.version.hip else "install a CUDA build"
    refusal = without_a_gpu[spec]
    assert refusal.startswith(f"no CUDA device was found, so --device {spec} cannot be used; use --device cpu, or ")
    assert mend in refusal
    assert "\n" not in refusal


@pytest.mark.parametrize("spec", ["auto", "cuda"])
def test_a_torch_that_cannot_be_imported_is_said_with_the_mend(tmp_path, spec):
    write(tmp_path, {"torch.py": "raise OSError('libcudart.so.99: cannot open shared object file')"})
    script = f"""
import json
from harness.device.devices import DeviceError, find_device
try:
    find_device({spec!r})
except DeviceError as error:
    print(json.dumps(str(error)))
"""
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    refusal = in_a_process(script, PYTHONPATH=path)
    assert refusal == ("torch cannot be imported (libcudart.so.99: cannot open shared object file); run 'make setup'")


@pytest.fixture
def gpus(monkeypatch):
    """Stands in for the GPUs of a machine, as torch tells of them; an exception is a GPU that does not answer."""

    def put(*properties):
        def get(index):
            if isinstance(properties[index], Exception):
                raise properties[index]
            return properties[index]

        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(properties))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(properties))
        monkeypatch.setattr(torch.cuda, "get_device_properties", get)

    return put


def gpu(name="NVIDIA H100 80GB HBM3", **changes):
    known = {"major": 9, "minor": 0, "L2_cache_size": 50 * MIB, "total_memory": 80 << 30, "multi_processor_count": 132}
    return SimpleNamespace(name=name, **known | changes)


@pytest.mark.parametrize(("spec", "index"), [("auto", 0), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("cuda:01", 1)])
def test_a_gpu_is_named_by_its_index(gpus, spec, index):
    gpus(gpu("NVIDIA L4"), gpu("NVIDIA B200", major=10))
    found = find_device(spec)
    assert (found.kind, found.torch_device) == ("cuda", f"cuda:{index}")
    assert (found.name, found.capability) == [("NVIDIA L4", "sm_90"), ("NVIDIA B200", "sm_100")][index]
    assert (found.last_level_cache_bytes, found.memory_bytes, found.cores) == (50 * MIB, 80 << 30, 132)


@pytest.mark.parametrize(
    ("count", "spec", "named"), [(1, "cuda:1", "cuda:0 is the only one"), (4, "cuda:4", "cuda:0 to cuda:3")]
)
def test_an_index_too_high_is_answered_with_the_ones_there_are(gpus, count, spec, named):
    gpus(*[gpu()] * count)
    with pytest.raises(DeviceError, match=named):
        find_device(spec)


def test_the_datasheet_peak_is_that_of_the_whole_product_only(gpus):
    def peak(name):
        gpus(gpu(name))
        return find_device("cuda").peak_gbps

    assert peak("NVIDIA H100 80GB HBM3") == 3350.0
    assert peak("NVIDIA H100 PCIe") < peak("NVIDIA H100 80GB HBM3")
    assert peak("NVIDIA H100 80GB HBM3 MIG 1g.10gb") is None
    assert peak("NVIDIA GeForce RTX 9090") is None


def test_a_cpu_may_compile_for_another_architecture_and_a_gpu_may_not(gpus):
    assert compiling_for(find_device("cpu"), "sm_100").capability == "sm_100"
    with pytest.raises(DeviceError, match="no architecture 'gfx942' to emulate; choose from sm_80"):
        compiling_for(find_device("cpu"), "gfx942")
    gpus(gpu())
    with pytest.raises(DeviceError, match="--arch is for the emulated GPU, and NVIDIA H100 80GB HBM3 is a real one"):
        compiling_for(find_device("auto"), "sm_80")


def test_an_amd_gpu_has_its_own_kind_of_capability(gpus):
    gpus(gpu("AMD Instinct MI300X", gcnArchName="gfx942:sramecc+:xnack-"))
    assert find_device("auto").capability == "gfx942"


def test_a_gpu_that_does_not_answer_is_said_in_one_sentence(gpus):
    gpus(RuntimeError("CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be reported later"))
    with pytest.raises(DeviceError) as caught:
        find_device("cuda")
    assert str(caught.value) == (
        "cuda:0 does not answer (CUDA error: uncorrectable ECC error encountered); check it with nvidia-smi"
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_real_gpu_has_sizes_that_a_measurement_can_use():
    found = find_device("auto")
    assert found == find_device("cuda") == find_device("cuda:0")
    assert found.last_level_cache_bytes >= MIB
    assert found.memory_bytes > found.last_level_cache_bytes
    assert found.cores > 1


def cache(number, level, kind, size):
    folder = f"sys/devices/system/cpu/cpu0/cache/index{number}"
    return {f"{folder}/level": level, f"{folder}/type": kind, f"{folder}/size": size}


def test_caches_are_read_by_name_and_unit(tmp_path):
    root = write(
        tmp_path,
        cache(0, 1, "Data", "48K")
        | cache(1, 1, "Instruction", "32K")
        | cache(2, 2, "Unified", "2M")
        | cache(3, 3, "Unified", "1G")
        | cache(4, 4, "Unified", "512"),
    )
    assert cpu_caches(root) == {"L1d": 48 << 10, "L1i": 32 << 10, "L2": 2 * MIB, "L3": 1 << 30, "L4": 512}


def test_a_cache_whose_size_is_not_told_is_left_out(tmp_path):
    assert cpu_caches(tmp_path) == {}
    root = write(tmp_path, cache(0, 1, "Data", "32K") | cache(1, 2, "Unified", "") | cache(2, 3, "Unified", "-1K"))
    (root / "sys/devices/system/cpu/cpu0/cache/index3").mkdir()
    assert cpu_caches(root) == {"L1d": 32 << 10}


TOTAL = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, TOTAL),
        ({"sys/fs/cgroup/memory.max": "max"}, TOTAL),
        ({"sys/fs/cgroup/memory.max": 1 << 60}, TOTAL),
        ({"sys/fs/cgroup/memory.max": "nonsense"}, TOTAL),
        ({"sys/fs/cgroup/memory.max": 64 * MIB}, 64 * MIB),
        # Version 2: this process's group, and those above it.
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/memory.max": 64 * MIB}, 64 * MIB),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/b/memory.max": "max",
                "sys/fs/cgroup/a/memory.max": 32 * MIB,
                "sys/fs/cgroup/memory.max": 64 * MIB,
            },
            32 * MIB,
        ),
        # Another's group does not limit this process; nor does a group that a container does not see.
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/c/memory.max": 64 * MIB}, TOTAL),
        ({"proc/self/cgroup": "0::/docker/f00", "sys/fs/cgroup/memory.max": 64 * MIB}, 64 * MIB),
        (
            {"proc/self/cgroup": "0::/../../x", "sys/x/memory.max": 32 * MIB, "sys/fs/cgroup/memory.max": 64 * MIB},
            64 * MIB,
        ),
        ({"proc/self/cgroup": "0::/a..b", "sys/fs/cgroup/a..b/memory.max": 64 * MIB}, 64 * MIB),
        # Version 1: a tree for each controller, and a huge number for no limit.
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712}, TOTAL),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": 64 * MIB}, 64 * MIB),
        (
            {
                "proc/self/cgroup": "5:cpuset:/c\n4:memory:/a\n0::/b",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": 64 * MIB,
                "sys/fs/cgroup/memory/b/memory.limit_in_bytes": 1 * MIB,
                "sys/fs/cgroup/memory/c/memory.limit_in_bytes": 1 * MIB,
            },
            64 * MIB,
        ),
    ],
)
def test_memory_is_what_the_control_groups_leave(tmp_path, files, limit):
    assert usable_memory(write(tmp_path, files)) == limit


ALL = "all"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, ALL),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, ALL),
        ({"sys/fs/cgroup/cpu.max": "99900000 100000"}, ALL),
        ({"sys/fs/cgroup/cpu.max": "100000"}, ALL),
        ({"sys/fs/cgroup/cpu.max": "100000 0"}, ALL),
        ({"sys/fs/cgroup/cpu.max": "100000 100000"}, 1),
        ({"sys/fs/cgroup/cpu.max": "190000 100000"}, 1),  # a second thread would be throttled
        ({"sys/fs/cgroup/cpu.max": "20000 100000"}, 1),  # less than one core is one thread all the same
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "100000 100000"}, 1),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, ALL),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000"}, 1),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/a",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "50000",
            },
            1,
        ),
    ],
)
def test_cores_are_what_the_quotas_pay_for(tmp_path, files, cores):
    everything = len(os.sched_getaffinity(0))
    assert usable_cores(write(tmp_path, files)) == (everything if cores is ALL else cores)


def test_a_quota_of_several_cores(tmp_path, monkeypatch):
    """The only way to have many cores on every machine is to say so."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert usable_cores(write(tmp_path, {"sys/fs/cgroup/cpu.max": "650000 100000"})) == 6


def test_cores_are_those_that_this_process_is_bound_to():
    script = (
        "import json, os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from harness.device.devices import find_device; print(json.dumps(find_device('cpu').cores))"
    )
    assert in_a_process(script) == 1


def test_a_system_file_that_cannot_be_read_is_empty(tmp_path):
    assert read_text(tmp_path / "none") == ""
    assert read_text(tmp_path) == ""
    (tmp_path / "odd").write_bytes(b" \xff 7\n")
    assert read_text(tmp_path / "odd").endswith("7")
