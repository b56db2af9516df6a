"""Kernels on the emulated GPU, in a process of its own without the interpreter: python -m … ARCH; a line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import torch

from harness.emulator.driver import EmulatingDriver
from harness.emulator.emulated import emulated
from harness.emulator.ptx import UnsupportedInstruction
from tests.harness.emulator import odd_kernels as odd

Gpu = EmulatingDriver


def every_16_bits(dtype: torch.dtype) -> torch.Tensor:
    return torch.arange(65536, dtype=torch.int32).to(torch.int16).view(dtype)


def ulp_error(actual: torch.Tensor, true: torch.Tensor, bits: int, least: int) -> float:
    """The largest error in units of the last place of a format with so many bits of fraction; NaN must be NaN."""
    assert torch.equal(torch.isnan(actual), torch.isnan(true))
    finite = torch.isfinite(true) & torch.isfinite(actual.double())
    assert torch.equal(actual.double()[~finite].nan_to_num(), true[~finite].nan_to_num())
    exponent = torch.clamp(torch.floor(torch.log2(true[finite].abs())), min=least)
    return float(((actual.double()[finite] - true[finite]).abs() / 2.0 ** (exponent - bits)).max())


def right_bf16(gpu: Gpu) -> Any:
    x = every_16_bits(torch.bfloat16)
    out = torch.empty_like(x)
    odd.elu_bf16[(64,)](x, out, x.numel(), BLOCK=1024)
    return ulp_error(out, torch.nn.functional.elu(x.double()), 7, -126)


def libdevice(gpu: Gpu) -> Any:
    """The errors in bf16 of all inputs and of those whose results are normal; a subnormal result."""
    x = every_16_bits(torch.bfloat16)
    out = torch.empty_like(x)
    odd.elu_by_libdevice[(64,)](x, out, x.numel(), BLOCK=1024)
    true = torch.nn.functional.elu(x.double())
    normal = ~(true.abs() < 2.0**-126)
    small = torch.tensor([-(2.0**-130)])
    result = torch.empty_like(small)
    odd.elu_by_libdevice[(1,)](small, result, 1, BLOCK=128)
    return [ulp_error(out, true, 7, -126), ulp_error(out[normal], true[normal], 7, -126), float(result)]


def past_the_end(gpu: Gpu) -> Any:
    x, out = torch.zeros(1000), torch.zeros(1024)
    odd.copy_without_mask[(8,)](x, out, 1000, BLOCK=128)


def before_the_start(gpu: Gpu) -> Any:
    x, out = torch.ones(256), torch.zeros(264)
    odd.store_before_the_start[(1,)](x, out[4:], BLOCK=256)
    odd.store_before_the_start[(1,)](x, torch.zeros(256), BLOCK=256)
    return float(out.sum())


def misaligned(gpu: Gpu) -> Any:
    odd.misaligned[(1,)](torch.zeros(200), torch.zeros(128), BLOCK=128)


def unwritten(gpu: Gpu) -> Any:
    """A tensor of torch.empty, one that PyTorch filled since, and one that a kernel wrote."""
    nobody, filled, scratch, out = torch.empty(128), torch.empty(128), torch.empty(128), torch.empty(128)
    filled.zero_()
    odd.copy_without_mask[(1,)](nobody, out, 128, BLOCK=128)
    odd.copy_without_mask[(1,)](filled, scratch, 128, BLOCK=128)
    odd.copy_without_mask[(1,)](scratch, out, 128, BLOCK=128)
    return len(gpu.launches[-1].faults) + len(gpu.launches[-2].faults)


def two_blocks(gpu: Gpu) -> Any:
    odd.everyone_writes_the_same[(300,)](torch.zeros(300 * 128), torch.zeros(128), BLOCK=128)


def race(gpu: Gpu) -> Any:
    x, out = torch.arange(128, dtype=torch.int32), torch.empty(128, dtype=torch.int32)
    odd.swap_neighbours[(1,)](x, out, odd.WITH_BARRIER, BLOCK=128, num_warps=4)
    swapped = bool((out == (x ^ 1)).all()) and not gpu.launches[-1].faults
    odd.swap_neighbours[(1,)](x, out, odd.WITHOUT_BARRIER, BLOCK=128, num_warps=4)
    return swapped


def tuned(gpu: Gpu) -> Any:
    errors = []
    for n in (256, 250):
        x, out = torch.randn(5, n), torch.empty(5)
        odd.row_sums[(5,)](x, out, n)
        errors.append(float((out.double() - x.double().sum(1)).abs().max()))
    return errors


def loops(gpu: Gpu) -> Any:
    out = torch.empty(300, dtype=torch.int32)
    odd.triangle[(300,)](out)
    x = torch.arange(1, 1025, dtype=torch.int32)
    steps = torch.empty_like(x)
    odd.collatz[(8,)](x, steps, BLOCK=128)
    return [int(out[299]), int(out[17]), int(steps[26]), int(steps.max())]


def scans(gpu: Gpu) -> Any:
    x = torch.randint(0, 16, (256,), dtype=torch.int32, generator=torch.Generator().manual_seed(0))
    sums, ordered, histogram, totals = (torch.zeros(size, dtype=torch.int32) for size in (256, 256, 16, 4))
    odd.scans[(1,)](x, sums, ordered, histogram, totals, BLOCK=256)
    return [
        torch.equal(sums, x.cumsum(0).int()),
        torch.equal(ordered, x.sort().values),
        torch.equal(histogram, torch.bincount(x, minlength=16).int()),
        [int(each) for each in totals] == [int(x[x % 4 == rest].sum()) for rest in range(4)],
    ]


def transposed(gpu: Gpu) -> Any:
    x = torch.arange(64 * 32).to(torch.float16).view(64, 32)
    out = torch.empty(32, 64, dtype=torch.float16)
    odd.transpose[(1,)](x, out, M=64, N=32)
    return torch.equal(out, x.t())


def functions(gpu: Gpu) -> Any:
    """Errors: absolute of fp32 functions, relative of fp64 ones."""
    x = torch.linspace(-4, 4, 1024)
    out = torch.empty_like(x)
    odd.functions[(1,)](x, out, BLOCK=1024)
    wide, ratio = x.double(), x.double() / (1 + x.double() ** 2)
    true = wide.tanh() + torch.sin((x * 100.0).double()) + wide.abs().sqrt() + torch.erf(wide) + ratio
    y = torch.linspace(-30, 30, 512, dtype=torch.float64)
    got = torch.empty_like(y)
    odd.doubles[(1,)](y, got, BLOCK=512)
    expected = torch.expm1(y) / (torch.exp(y) + 1)
    return [float((out.double() - true).abs().max()), float(((got - expected) / expected).abs().max())]


def tensor_cores(gpu: Gpu) -> Any:
    a = torch.ones(32, 32, dtype=torch.float16)
    try:
        odd.product[(1,)](a, a, torch.empty(32, 32), BLOCK=32)
    except UnsupportedInstruction as error:
        return str(error)
    return "ran"


SCENES: tuple[Callable[[Gpu], Any], ...] = (
    right_bf16, libdevice, past_the_end, before_the_start, misaligned, unwritten, two_blocks, race, tuned, loops, scans,
    transposed, functions, tensor_cores,
)  # fmt: skip


def main(arch: str) -> None:
    found = {}
    with emulated(arch, counts=True) as gpu:
        for scene in SCENES:
            gpu.launches.clear()
            result = scene(gpu)
            faults = [fault for launch in gpu.launches for fault in launch.faults]
            found[scene.__name__] = {
                "result": result,
                "faults": [
                    {
                        "kind": fault.kind, "kernel": fault.kernel, "block": fault.block, "thread": fault.thread,
                        "tensor": fault.tensor, "offset": fault.offset, "place": fault.place, "threads": fault.threads,
                        "text": str(fault),
                    }
                    for fault in faults
                ],
            }  # fmt: skip
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
