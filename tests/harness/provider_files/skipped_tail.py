"""Wrong on purpose: the elements after the last whole block of 256 are never written."""

import torch


def elu(x, alpha, scale, input_scale, out):
    whole = x.numel() // 256 * 256
    out.view(-1)[:whole] = torch.ops.aten.elu(x, alpha, scale, input_scale).view(-1)[:whole]
