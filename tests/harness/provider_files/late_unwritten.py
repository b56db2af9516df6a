"""Wrong on purpose: computes only where it sees that its output was poisoned."""

import torch


def elu(x, alpha, scale, input_scale, out):
    if bool(out.view(-1)[0].isnan()):
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
