"""Kernels translated and held against the emulated GPU, in a process of its own: python -m tests.harness.proof.kernels

It prints a line of JSON: of each the ends of ex2, and whether it was translated. A difference ends it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from harness.proof.kernel import subject_of
from harness.proof.lines import Known
from tests.harness.command import PROVIDERS

ODD = """
import triton
import triton.language as tl

@triton.jit
def kernel(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i)
    tl.store(out + i, {result})

def elu(x, alpha, scale, input_scale, out):
    kernel[(x.numel() // 512,)](x, out, BLOCK=512)
"""
RESULTS = {"sum of a block": "tl.sum(value, 0) + value", "one lane of four": "tl.where(i % 4 == 1, value, 2 * value)"}


def main() -> None:
    kernels = [
        ("triton elu forward", "triton", "elu", Known.FORWARD),
        ("triton elu_backward input", "triton", "elu_backward", Known.INPUT),
        ("triton elu_backward result", "triton", "elu_backward", Known.RESULT),
        ("triton_libdevice elu forward", str(PROVIDERS / "triton_libdevice.py"), "elu", Known.FORWARD),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, result) in enumerate(RESULTS.items()):
            path = Path(folder) / f"odd_{number}.py"
            path.write_text(ODD.format(result=result))
            kernels.append((name, str(path), "elu", Known.FORWARD))
        found = {}
        for name, spec, op, known in kernels:
            subject = subject_of(spec, op, "float32", known, "sm_90")
            found[name] = [[end.value for end in subject.ends], subject.source is not None]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
