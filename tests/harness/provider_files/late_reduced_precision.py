"""Wrong on purpose: computes in bfloat16, unless its output was poisoned."""

import torch


def elu(x, alpha, scale, input_scale, out):
    short = x if bool(out.view(-1)[0].isnan()) else x.bfloat16()
    out.copy_(torch.ops.aten.elu(short, alpha, scale, input_scale))
