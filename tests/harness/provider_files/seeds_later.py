"""Wrong on purpose: sets the seed of everybody's random numbers, once it is being timed."""

import torch

_calls = []


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    _calls.append(None)
    if len(_calls) > 8:
        torch.manual_seed(torch.initial_seed() + 1)  # another one, whatever it was
