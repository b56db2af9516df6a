"""Wrong on purpose: right once, then the first result again, whatever the input."""

import torch

_kept = None


def elu(x, alpha, scale, input_scale):
    global _kept
    if _kept is None or _kept.shape != x.shape:
        _kept = torch.ops.aten.elu(x, alpha, scale, input_scale)
    return _kept
