"""Runs every kernel of kernels.py on the emulated GPU, and prints its largest error against PyTorch's operators."""

from __future__ import annotations

import json
import sys

import torch
import torch.nn.functional as F

from harness.emulator.emulated import emulated
from harness.predict.kernels import FORMULAS, stream_of

_EXPECTED = {
    "relu": lambda x, y: F.relu(x),
    "relu²": lambda x, y: F.relu(x) ** 2,
    "relu² backward": lambda x, y: x * 2 * F.relu(y),
    "sigmoid": lambda x, y: torch.sigmoid(x),
    "swiglu": lambda x, y: F.silu(x) * y,
    "add": lambda x, y: x + y,
}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (4 * torch.randn(1024, generator=generator) for _ in range(2))
    errors = {}
    with emulated():
        for name, (formula, reads) in FORMULAS.items():
            out = torch.empty_like(x)
            stream_of[(2,)](x, y, out, 1, formula, reads == 2, 512, num_warps=4)
            errors[name] = float((out - _EXPECTED[name](x, y)).abs().max())
    json.dump(errors, sys.stdout)


if __name__ == "__main__":
    main()
