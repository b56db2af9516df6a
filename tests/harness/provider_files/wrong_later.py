"""Wrong on purpose: honest while it is checked, and the identity once it has been called often."""

import torch

_calls = 0


def elu(x, alpha, scale, input_scale, out):
    global _calls
    _calls += 1
    out.copy_(x if _calls > 10 else torch.ops.aten.elu(x, alpha, scale, input_scale))
