"""Wrong on purpose: loses every digit near 0, which an absolute tolerance does not see."""

import torch


def elu(x, alpha, scale, input_scale, out):
    wide = x.float()
    out.copy_(scale * torch.where(wide > 0, wide, alpha * (torch.exp(input_scale * wide) - 1)))
