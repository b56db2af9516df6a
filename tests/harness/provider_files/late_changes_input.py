"""Wrong on purpose: right, and computes in place of its input, unless its output was poisoned."""

import torch


def elu(x, alpha, scale, input_scale, out):
    if bool(out.view(-1)[0].isnan()):
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    else:
        out.copy_(torch.ops.aten.elu_(x, alpha, scale, input_scale))
