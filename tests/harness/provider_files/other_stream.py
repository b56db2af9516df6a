"""Wrong on purpose: works on a stream of its own, which the events do not see."""

import torch

_stream = None


def elu(x, alpha, scale, input_scale, out):
    global _stream
    _stream = _stream or torch.cuda.Stream()
    with torch.cuda.stream(_stream):
        torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
