"""Wrong on purpose: takes the threads from everybody, in every call."""

import torch


def elu(x, alpha, scale, input_scale, out):
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
