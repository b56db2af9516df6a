"""Wrong on purpose: sets a part of the GPU's L2 aside, where lines outlive any flush, once it is being timed."""

import ctypes

import torch

_calls = []


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    _calls.append(None)
    if len(_calls) > 8:
        error = ctypes.CDLL("libcuda.so.1").cuCtxSetLimit(6, ctypes.c_size_t(2**25))
        if error != 0:
            raise RuntimeError(f"cuCtxSetLimit answers {error}")
