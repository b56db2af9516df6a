"""Wrong on purpose: slows down everybody by an innocent line at its import."""

import torch

torch.set_num_threads(torch.get_num_threads() + 1)


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
