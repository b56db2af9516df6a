"""A GPU, tried in seconds before it is used for an hour: `python -m harness.doctor.preflight cuda:0`.

For `examine`, in a process of its own, which may hang or die. Prints a line of JSON for each step as it ends, and goes
on after one that fails.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial

import torch

from harness.device import l2
from harness.device.devices import Device, find_device
from harness.device.health import Nvml
from harness.device.readings import LEAST_CLOCK
from harness.doctor.probe import PREFLIGHT, ProbeResult
from harness.plumbing.errors import named
from harness.store.vocabulary import Flush
from harness.timing.clocks import CudaClock
from harness.timing.energy import energy_of
from harness.timing.estimators import median
from harness.timing.regimes import graph
from harness.timing.regimes.cold import L2Flush

_COPY_BYTES = 2**30
_SLOW_COPY = 0.6  # of the datasheet's peak: below it something is wrong with the device, or somebody else uses it


def launch(gpu: Device) -> ProbeResult:
    """Compile a Triton kernel, launch it, and look at what it wrote."""
    from harness.doctor.kernel import double

    x = torch.arange(1000.0, device=gpu.torch_device)
    y = torch.full_like(x, -1)
    began_s = time.perf_counter()
    double[(1,)](x, y, x.numel(), BLOCK=1024)
    if not torch.equal(y, 2 * x):
        raise RuntimeError(f"a kernel that doubles gave {y[:3].tolist()} of {x[:3].tolist()}")
    spent_s = time.perf_counter() - began_s
    return ProbeResult("launch", "ok", f"a Triton kernel compiles and gives the right values, in {spent_s:.1f} s")


def capture(gpu: Device) -> ProbeResult:
    """Capture calls in a CUDA graph and replay it."""
    x = torch.zeros(2**16, device=gpu.torch_device)
    clock, batches = graph.captured({"add": [partial(x.add_, 1)]}, gpu)
    time_s = median([clock.time_call(batches["add"]) for _ in range(5)])
    return ProbeResult(
        "capture", "ok", f"a graph of {batches['add'].calls} calls is replayed, {time_s * 1e6:.2f} µs a call"
    )


def flush(gpu: Device) -> ProbeResult:
    """Whether a call is slower behind either flush than without one, and what resetting persisting lines costs."""
    x = torch.zeros(gpu.last_level_cache_bytes // 16, device=gpu.torch_device)  # a quarter of the L2
    before = {kind: L2Flush(gpu.torch_device, gpu.last_level_cache_bytes, kind) for kind in Flush}
    call = partial(x.add_, 1)

    def time_s(what: L2Flush | None) -> float:
        clock = CudaClock(gpu.torch_device, what)
        return median([clock.time_call(call) for _ in range(25)][5:])

    warm_s, cold_s = time_s(None), {kind: time_s(each) for kind, each in before.items()}
    began_s = time.perf_counter()
    for _ in range(100):
        l2.reset_persisting()
    reset_us = (time.perf_counter() - began_s) * 1e4
    said = ", ".join(f"{each * 1e6:.1f} µs behind a {kind} flush" for kind, each in cold_s.items())
    detail = f"a quarter of the L2 takes {warm_s * 1e6:.1f} µs, {said}; a reset of persisting lines {reset_us:.1f} µs"
    if min(cold_s.values()) > 1.05 * warm_s:
        return ProbeResult("flush", "ok", detail)
    return ProbeResult("flush", "note", detail, "a flush makes this call no slower: look at the marks of cold rows")


def copy(gpu: Device) -> ProbeResult:
    """Time a copy that no cache holds."""
    count = min(_COPY_BYTES, gpu.memory_bytes // 16) // 8
    x, y = (torch.zeros(count, dtype=torch.int32, device=gpu.torch_device) for _ in range(2))
    clock = CudaClock(gpu.torch_device)
    gbps = 8 * count / median([clock.time_call(partial(y.copy_, x)) for _ in range(25)][5:]) / 1e9
    detail = f"{gbps:.0f} GB/s"
    if gpu.peak_gbps is None:
        return ProbeResult("copy", "ok", f"{detail}; the datasheet's peak is not known here")
    detail += f", {gbps / gpu.peak_gbps:.0%} of the datasheet's {gpu.peak_gbps:g}"
    if gbps >= _SLOW_COPY * gpu.peak_gbps:
        return ProbeResult("copy", "ok", detail)
    return ProbeResult("copy", "note", detail, "find out what else uses the GPU, or what slows it down: nvidia-smi")


def power(gpu: Device) -> ProbeResult:
    """Clocks and power while the device is busy, and whether it counts its energy."""
    nvml = Nvml.of(gpu)
    if not isinstance(nvml, Nvml):
        return ProbeResult("power", "note", f"no clocks, power and energy: {nvml}", "pip install nvidia-ml-py")
    x = torch.zeros(2**26, device=gpu.torch_device)
    energy = energy_of([partial(x.add_, 1)], nvml.energy_mj, 0.3, torch.cuda)
    for _ in range(200):  # busy while it is read
        x.add_(1)
    reading, most = nvml.read(), nvml.sm_clock_max_mhz()
    torch.cuda.synchronize()
    counted = f"{energy.power_w:.0f} W by its counter of energy" if energy else "it has no counter of energy"
    detail = f"busy at an SM clock of {reading.sm_clock_mhz} MHz, memory {reading.memory_clock_mhz} MHz; {counted}"
    if reading.sm_clock_mhz and most and reading.sm_clock_mhz < LEAST_CLOCK * most:
        mend = f"the SM clock could be {most} MHz: lift the limit, or all rows are marked throttled"
        return ProbeResult("power", "note", detail, mend)
    return ProbeResult("power", "ok", detail)


STEPS: tuple[tuple[str, Callable[[Device], ProbeResult]], ...] = tuple(
    zip(PREFLIGHT, (launch, capture, flush, copy, power), strict=True)
)


def run(gpu: Device, steps: Iterable[tuple[str, Callable[[Device], ProbeResult]]] = STEPS) -> None:
    """Print what each step finds; what one raises is its finding."""
    for topic, step in steps:
        try:
            found = step(gpu)
        except Exception as error:
            found = ProbeResult(
                topic, "missing", f"{topic} fails: {named(error)}", "see docs/method.md, or mend the driver"
            )
        print(json.dumps(asdict(found)), flush=True)


def main() -> None:
    gpu = find_device(sys.argv[1])
    torch.cuda.set_device(gpu.torch_device)
    run(gpu)


if __name__ == "__main__":
    main()
