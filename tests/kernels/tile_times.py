"""Times variants of kernels/tuning.py on a GPU: `python -m tests.kernels.tile_times > FILE.jsonl`, in a minute or two.

One line a variant: op, dtype, shape, Work's vectors (v), warps (w), across (a) and programs (p), and `us`, the median
time of a call in microseconds; `"what": "today"` is the table as it stands. Calls are replayed in a graph over buffers
of 400 MB in all, so that each finds its data in memory. results/nvidia-h200/tiles/ has what an H200 gave on 2026-11-27
with torch 2.11 and Triton 3.6, "today" being the tables before it.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from kernels import launch, tuning
from kernels.ops import bias_elu, elu
from kernels.tuning import Work

DTYPES = (torch.float32, torch.bfloat16)
SQUARES = ((1024, 1024), (4096, 4096), (8192, 8192))
ROWS = ((4096, 512), (4096, 4096), (8192, 8192))
PLANES = ((32, 64, 56, 56), (64, 256, 56, 56))
_BYTES = 400_000_000

Group = tuple[str, torch.dtype, tuple[int, ...]]


def variants(op: str, shape: Sequence[int]) -> Iterator[Work]:
    """What is tried; tiles of rows have a width, and with sums a number of programs too."""
    has_rows = op.startswith("bias_elu") and len(shape) == 2
    across = (64, 128, 256, 512, 1024, 2048, 4096) if has_rows else (0,)
    programs = (264, 528, 1056, 2112) if has_rows and op == "bias_elu_backward" else (0,)
    for vectors, warps, wide, many in itertools.product((1, 2, 4, 8), (2, 4, 8), across, programs):
        if wide <= max(512, shape[-1]):
            yield Work(vectors, warps, wide, many)


def set_work(op: str, shape: Sequence[int], item_bytes: int, work: Work) -> None:
    """Make the tables say so, whatever the size."""
    launch.forget()
    tuning.ENOUGH_PROGRAMS = tuning.ENOUGH_WITH_SUMS = 1
    if op in ("elu", "elu_backward"):
        tuning._TABLE["1+1" if op == "elu" else "2+1", item_bytes] = work
    else:
        kind = "planes" if len(shape) == 4 else "rows"
        tuning._VECTOR[kind, op == "bias_elu_backward", item_bytes] = work


def tensors(op: str, dtype: torch.dtype, shape: tuple[int, ...]) -> list[tuple[Tensor, ...]]:
    """Sets of what the op takes and gives."""
    channels = shape[1] if len(shape) == 4 else shape[-1]
    found = []
    for _ in range(max(1, -(-_BYTES // (3 * math.prod(shape) * dtype.itemsize)))):
        grad, x = (torch.randn(shape, device="cuda").to(dtype) for _ in range(2))
        bias, out = torch.randn(channels, device="cuda").to(dtype), torch.empty_like(x)
        found.append(
            {
                "elu": (x, out),
                "elu_backward": (grad, x, out),
                "bias_elu": (x, bias, out),
                "bias_elu_backward": (grad, x, bias, out, torch.empty_like(bias)),
            }[op]
        )
    return found


def call(op: str, shape: Sequence[int]) -> Callable[..., Any]:
    dim = 1 if len(shape) == 4 else -1
    return {
        "elu": lambda *given: elu.elu_out(*given),
        "elu_backward": lambda *given: elu.elu_backward_out(*given),
        "bias_elu": lambda *given: bias_elu.bias_elu_out(*given, 1.0, dim),
        "bias_elu_backward": lambda *given: bias_elu.bias_elu_backward_out(*given, 1.0, dim),
    }[op]


def time_us(function: Callable[..., Any], sets: Sequence[tuple[Tensor, ...]]) -> float:
    """The median of seven replays of a graph of calls, by call."""
    for given in sets[:2]:
        function(*given)
    torch.cuda.synchronize()
    calls = max(8, len(sets))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for index in range(calls):
            function(*sets[index % len(sets)])
    graph.replay()
    times = []
    for _ in range(7):
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        graph.replay()
        after.record()
        after.synchronize()
        times.append(before.elapsed_time(after) * 1e3 / calls)
    return statistics.median(times)


def main() -> None:
    groups: list[Group] = [
        (op, dtype, shape) for op in ("elu", "elu_backward") for dtype in DTYPES for shape in SQUARES
    ]
    fused = ("bias_elu", "bias_elu_backward")
    groups += [(op, dtype, shape) for op in fused for dtype in DTYPES for shape in (*ROWS, *PLANES)]
    for op, dtype, shape in groups:
        sets, function = tensors(op, dtype, shape), call(op, shape)
        said = {"op": op, "dtype": str(dtype).removeprefix("torch."), "shape": shape}
        enough = tuning.ENOUGH_PROGRAMS, tuning.ENOUGH_WITH_SUMS
        tables = dict(tuning._TABLE), dict(tuning._VECTOR)
        print(json.dumps(said | {"what": "today", "us": time_us(function, sets)}), flush=True)
        for work in variants(op, shape):
            set_work(op, shape, dtype.itemsize, work)
            keys = {"v": work.vectors, "w": work.warps, "a": work.across, "p": work.programs}
            print(json.dumps(said | keys | {"us": time_us(function, sets)}), flush=True)
        tuning._TABLE, tuning._VECTOR = tables
        tuning.ENOUGH_PROGRAMS, tuning.ENOUGH_WITH_SUMS = enough
        launch.forget()


if __name__ == "__main__":
    main()
