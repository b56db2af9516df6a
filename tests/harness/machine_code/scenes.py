"""Kernels as people write them, by machine code and by PTX: python -m …; a line of JSON, {kernel: [outcome, reason]}.

A process of its own, as its kernels must be imported without the interpreter.
"""

from __future__ import annotations

import json
import sys

from harness import providers
from harness.machine_code.agreement import comparing
from harness.machine_code.agreement_worker import fill
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from tests.harness.emulator.launches import loops, race, right_bf16, transposed, tuned, two_blocks


def main() -> None:
    with comparing("sm_90") as gpu:
        for scene in (right_bf16, loops, race, transposed, tuned, two_blocks):
            scene(gpu)
    found = {each.kernel: [each.outcome, each.reason] for each in gpu.agreements}
    case = make_case("elu", (65536,), "float32", {})
    buffers = allocate(case, 1, "cpu")[0]
    fill(buffers)
    for end in ("low", "high"):  # of what ex2 may be
        with comparing("sm_90", ex2=end) as gpu:
            providers.load("triton").prepare(case)(*buffers.inputs, *buffers.outputs)
        found |= {f"{each.kernel} {end}": [each.outcome, each.reason] for each in gpu.agreements}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
