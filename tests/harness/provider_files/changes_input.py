"""Wrong on purpose: computes in place."""

import torch


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu_(x, alpha, scale, input_scale)
    out.copy_(x)
