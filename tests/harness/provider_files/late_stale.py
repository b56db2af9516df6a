"""Wrong on purpose: honest at first; then keeps results by the address of the input, while its first value stays."""

import torch

_calls = 0
_kept = {}


def elu(x, alpha, scale, input_scale, out):
    global _calls
    _calls += 1
    key = (x.data_ptr(), out.data_ptr(), float(x.view(-1)[0]))
    if _calls < 6 or _kept.get(key) is None or bool(out.view(-1)[0].isnan()):
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
        _kept[key] = True  # it is in `out` already, and stays there
