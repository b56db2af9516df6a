"""The suite's own kernels on the emulated GPU, held against the gate's reference, in a process of its own.

python -m tests.harness.emulator.suite ARCH EX2 OP…; it prints a line of JSON: of each case the largest error in ULP.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from harness import providers
from harness.correctness import gate
from harness.emulator.emulated import emulated
from harness.machine_code.specimens import Shapes, specimens
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import KERNEL_OPS

ONES = "sizes-of-one"  # in place of an op
# fp16 and fp64 are the same instructions on all architectures.
DTYPES = {"sm_90": ("bfloat16", "float16", "float32", "float64")}


def main(arch: str, ex2: str, ops: list[str]) -> None:
    shapes = Shapes((128, 256), (127, 257), (4, 8, 16, 64))
    provider = providers.load("triton")
    found = []
    with emulated(arch, ex2) as gpu:  # type: ignore[arg-type]
        for op in (op for op in ops or KERNEL_OPS if op != ONES):
            for dtype in DTYPES.get(arch, ("bfloat16", "float32")):
                for specimen in specimens(op, dtype, shapes):
                    case = specimen.case
                    gpu.launches.clear()
                    verdict = gate.check(case, provider.prepare(case), allocate(case, 1, "cpu")[0], seed=0)
                    faults = [str(fault) for launch in gpu.launches for fault in launch.faults]
                    launches = len(gpu.launches)
                    found.append([case.key, verdict.passed, verdict.reason, verdict.max_ulp, launches, faults])
        found += sizes_of_one(provider, gpu) if not ops or ONES in ops else []
        errors = every_input(provider)
    json.dump({"cases": found, "every_input": errors}, sys.stdout)


def sizes_of_one(provider: providers.Provider, gpu: Any) -> list[list[Any]]:
    """Shapes in which something is 1: Triton compiles a kernel anew where an argument is 1, with a constant for it."""
    found = []
    for op in ("bias_elu", "bias_elu_backward", "prelu", "prelu_backward"):
        for shape, dim in (((1,), 0), ((7, 1), 1), ((1, 7), 0), ((1, 7), 1), ((2, 1, 3), 1), ((2, 3, 1), 1)):
            case = make_case(op, shape, "float32", {"dim": dim})
            gpu.launches.clear()
            verdict = gate.check(case, provider.prepare(case), allocate(case, 1, "cpu")[0], seed=0)
            faults = [str(fault) for launch in gpu.launches for fault in launch.faults]
            found.append([case.key, verdict.passed, verdict.reason, verdict.max_ulp, len(gpu.launches), faults])
    return found


def every_input(provider: providers.Provider) -> dict[str, float]:
    """All 65,536 inputs of each 16-bit type, forward, and backward from the input and from the result."""
    errors = {}
    for dtype in ("bfloat16", "float16"):
        for op, params in (("elu", {}), ("elu_backward", {"is_result": False}), ("elu_backward", {"is_result": True})):
            case = make_case(op, (65536,), dtype, params)
            buffers = allocate(case, 1, "cpu")[0]
            values = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(getattr(torch, dtype))
            buffers.inputs[-1].copy_(values)
            if params.get("is_result"):
                buffers.inputs[-1].clamp_(min=-1.0)
            if op == "elu_backward":
                buffers.inputs[0].fill_(1.0)
            verdict = gate.check_once(case, provider.prepare(case), buffers)
            errors[case.key] = verdict.max_ulp if verdict.passed else float("inf")
    return errors


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
