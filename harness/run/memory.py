"""The peak of memory in one call: what PyTorch's allocator held at most, over what it held before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import torch

from harness.ops.buffers import BufferSet


def peak_bytes(call: Callable[..., None], buffers: BufferSet) -> int:
    """Of a call that was made before, so that nothing is compiled or chosen in it.

    On a CPU the profiler notes each allocation and each release; what a library takes past PyTorch's allocator, such as
    a convolution's own scratch, is not among them.
    """
    tensors = (*buffers.inputs, *buffers.outputs)
    device = tensors[0].device
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call(*tensors)
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call(*tensors)
    events = profile.profiler.kineto_results.events()
    changes = (each.nbytes() for each in sorted(events, key=lambda each: each.start_ns()) if each.name() == "[memory]")
    return int(max(accumulate(changes, initial=0)))
