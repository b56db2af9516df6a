"""Kernels as people write them, by machine code and by PTX: python -m …; a line of JSON, {kernel: [outcome, reason]}.

A process of its own, as its kernels must be imported without the interpreter.
"""

from __future__ import annotations

import json
import sys

from harness.machine_code.agreement import comparing
from tests.harness.emulator.launches import loops, race, right_bf16, transposed, tuned, two_blocks


def main() -> None:
    with comparing("sm_90") as gpu:
        for scene in (right_bf16, loops, race, transposed, tuned, two_blocks):
            scene(gpu)
    json.dump({each.kernel: [each.outcome, each.reason] for each in gpu.agreements}, sys.stdout)


if __name__ == "__main__":
    main()
