"""Wrong on purpose: slows the clock down as soon as it is loaded."""

import time

import torch

_real = time.perf_counter_ns
time.perf_counter_ns = lambda: _real() // 2


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
