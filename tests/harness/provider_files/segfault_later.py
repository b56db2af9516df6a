"""Dies on purpose, and only once it is being timed."""

import ctypes

import torch

_calls = 0


def elu(x, alpha, scale, input_scale, out):
    global _calls
    _calls += 1
    if _calls > 4:
        ctypes.string_at(0)
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
