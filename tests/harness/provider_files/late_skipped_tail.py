"""Wrong on purpose: leaves the tail out, unless its output was poisoned."""

import torch


def elu(x, alpha, scale, input_scale, out):
    count = x.numel()
    if not bool(out.view(-1)[-1].isnan()):
        count = count // 256 * 256
    out.view(-1)[:count] = torch.ops.aten.elu(x, alpha, scale, input_scale).view(-1)[:count]
