"""The error of ELU over the whole range of a 16-bit dtype, bucket by bucket: what the figure of errors shows."""

from __future__ import annotations

from collections.abc import Callable

import torch

from harness.ops.buffers import BufferSet, flat, poison
from harness.ops.cases import Case
from harness.ops.catalogue import OPS
from harness.ops.reference import ulp_size
from harness.store.records import ErrorByInput

PATTERNS = 2**16
PATTERNS_PER_BUCKET = 128  # one binade of bfloat16, an eighth of one of float16
MOST_ULP = 1e5  # an infinity or a NaN counts as much: JSON has neither


def is_profiled(case: Case) -> bool:
    """Whether `case` is the plain forward ELU of a 16-bit dtype, and large enough to hold all of its values."""
    plain = case.op == "elu" and dict(case.params) == dict(OPS["elu"].params) and case.layout == "contiguous"
    return plain and case.dtype in ("float16", "bfloat16") and case.elements >= PATTERNS


def error_by_input(case: Case, call: Callable[..., None], buffers: BufferSet) -> ErrorByInput:
    """The largest error in ULP of the outputs for each bucket of neighbouring inputs, in the order of bit patterns.

    The first half of the buckets goes up from +0, the second down from -0. None stands for a bucket without a
    finite input, and MOST_ULP for that much or more. Runs `call` once, and leaves the inputs as they were.
    """
    x, out = flat(buffers.inputs[0])[:PATTERNS], flat(buffers.outputs[0])[:PATTERNS]
    before = x.clone()
    patterns = torch.arange(PATTERNS, dtype=torch.int32, device=x.device).to(torch.int16)
    x.copy_(patterns.view(x.dtype))
    poison(buffers.outputs)
    call(*buffers.inputs, *buffers.outputs)
    (true,) = OPS[case.op].expected(case, x)
    error = (out.double() - true.value).abs() / ulp_size(true.value, out.dtype)
    error = torch.nan_to_num(error, nan=MOST_ULP, posinf=MOST_ULP).clamp(max=MOST_ULP)
    error = torch.where(torch.isfinite(x), error, -1.0)
    x.copy_(before)  # subnormals and NaN among the inputs would change what is timed
    largest = error.view(-1, PATTERNS_PER_BUCKET).amax(dim=1).tolist()
    return ErrorByInput(PATTERNS_PER_BUCKET, tuple(None if each < 0 else float(f"{each:.3g}") for each in largest))
