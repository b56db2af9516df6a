"""Wrong on purpose: slows down the very clock that it is measured with, once it is being timed."""

import torch

import harness.timing.clocks

_real = harness.timing.clocks.perf_counter_ns


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    if not bool(out.view(-1)[0].isnan()) and _calls_so_far() > 8:
        harness.timing.clocks.perf_counter_ns = lambda: _real() // 2


def _calls_so_far(count=[0]):  # noqa: B006
    count[0] += 1
    return count[0]
