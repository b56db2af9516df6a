"""Compiles a Triton kernel for sm_90 into the file that is named, and runs it on the emulated GPU.

For `examine`, in a process of its own: whether Triton interprets is settled when it is imported.
"""

import sys
from pathlib import Path

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def double(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)


def main() -> None:
    signature = {"x": "*fp32", "y": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    source = ASTSource(fn=double, signature=signature, constexprs={(3,): 4})
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    Path(sys.argv[1]).write_bytes(compiled.asm["cubin"])
    from harness.emulator.emulated import emulated  # a fault of it is none of the compiler

    x = torch.arange(5.0)
    y = torch.full_like(x, -1)
    with emulated("sm_90"):
        double[(2,)](x, y, 5, BLOCK=4)
    if not torch.equal(y, 2 * x):
        sys.exit(f"a kernel that doubles gave {y.tolist()} of {x.tolist()}")


if __name__ == "__main__":
    main()
