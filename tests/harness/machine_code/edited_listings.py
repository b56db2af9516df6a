"""ELU's kernel in bfloat16 for sm_90 with its machine code edited: python -m …; a line of JSON, [outcome, reason] each.

A process of its own, as its kernels must be imported without the interpreter.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import torch

from harness import providers
from harness.machine_code import disassemble
from harness.machine_code.agreement import comparing
from harness.machine_code.agreement_worker import fill
from harness.ops.buffers import allocate, poison
from harness.ops.cases import make_case

Edit = Callable[[str], str]


def last(old: str, new: str) -> Edit:
    """Replace the last of them alone."""
    return lambda text: new.join(text.rsplit(old, 1))


EDITS: dict[str, Edit] = {
    "nothing": lambda text: text,
    "a dropped constant": lambda text: text.replace(", 0x80008000,", ", 0x0,"),  # as in triton #11581
    "a dropped constant, once": last(", 0x80008000,", ", 0x0,"),  # not the like in an instruction's code
    "a dropped modifier": last("F2FP.RELU.BF16", "F2FP.BF16"),
    "a constant of another value": last("-3.6000000136482412927e-07", "-3.6000000136482412927e-06"),
    "an unknown opcode": last("MUFU.EX2", "HARDEX2"),
    "an unknown modifier": last("MUFU.EX2", "MUFU.EX3"),
    "a store elsewhere": last("[R2.64]", "[R2.64+0x40000000]"),
}  # fmt: skip


def main() -> None:
    case = make_case("elu", (65536,), "bfloat16", {})
    buffers = allocate(case, 1, "cpu")[0]
    fill(buffers)
    found = {}
    call = providers.load("triton").prepare(case)
    for name, edit in EDITS.items():
        poison(buffers.outputs)
        with comparing("sm_90", listing=lambda path, edit=edit: edit(disassemble.with_codes(str(path)))) as gpu:
            call(*buffers.inputs, *buffers.outputs)
        (agreement,) = gpu.agreements
        expected = torch.nn.functional.elu(buffers.inputs[0].double())
        kept = float((buffers.outputs[0].double() - expected).nan_to_num(0, 0, 0).abs().max())
        found[name] = [agreement.outcome, agreement.reason, agreement.inputs, kept]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
