"""What the suite's kernels write, bit by bit, in the interpreter or on the emulated GPU: python -m … FILE.

With TRITON_INTERPRET=1 it is the interpreter. FILE gets an array of bytes for each output of each case.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext

import numpy as np
import torch

from harness import providers
from harness.emulator.emulated import emulated
from harness.machine_code.specimens import DTYPES
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import KERNEL_OPS, OPS
from kernels.primitives import INTERPRETED

SHAPE = (3, 7, 45)  # a tail of a vector, of a row, of a block
SPECIALS = (0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-40, -1e-40, -1e-6, -17.0, -104.0, 88.0, 3e38)


def main(path: str) -> None:
    provider = providers.load("triton")
    found = {}
    with nullcontext() if INTERPRETED.value else emulated(checks=False):
        for op in KERNEL_OPS:
            params = OPS[op].params
            for form in OPS[op].variants.values():
                for is_result in (False, True) if "is_result" in params else (None,):
                    for dim in (-1, 1) if "dim" in params else (None,):
                        given = dict(form) | {} if is_result is None else dict(form) | {"is_result": is_result}
                        given |= {} if dim is None else {"dim": dim}
                        for dtype in DTYPES:
                            case = make_case(op, SHAPE, dtype, given)
                            buffers = allocate(case, 1, "cpu")[0]
                            for each in buffers.inputs:
                                values = torch.tensor(SPECIALS[: each.numel()], dtype=torch.float64)
                                if op.endswith("_backward") and ("dim" in params or is_result):
                                    values = values[:2]  # what is summed, and what no elu gives, is ordinary
                                each.view(-1)[: values.numel()] = values.to(each.dtype)
                            provider.prepare(case)(*buffers.inputs, *buffers.outputs)
                            for index, output in enumerate(buffers.outputs):
                                found[f"{case.key} {index}"] = output.contiguous().view(torch.uint8).numpy()
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
