"""Wrong on purpose: replaces the events of CUDA, and what says how far apart they are."""

import torch


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    torch.cuda.Event.elapsed_time = lambda self, other: 1e-3
