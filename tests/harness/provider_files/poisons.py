"""Fails on purpose, once it is being timed, as a kernel does that has left the CUDA context unusable."""

import torch

_calls = 0


def elu(x, alpha, scale, input_scale, out):
    global _calls
    _calls += 1
    if _calls > 4:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
