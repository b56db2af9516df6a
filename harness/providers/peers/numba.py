"""Numba: it has no ELU, so the formula as one writes it in Python, compiled for all cores of the CPU."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.ops.buffers import flat
from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.providers.peers import check_case, check_on, imported

_PARAMS = ("alpha", "scale", "input_scale")


def prepare(case: Case) -> Callable[..., None]:
    """A call on numpy's views of the tensors."""
    numba = imported("numba", "Numba", "'elubench[peers]'")
    check_case(case, "Numba", ("elu", "elu_backward"), _PARAMS)
    if case.dtype not in ("float32", "float64"):
        raise Unsupported(f"Numba compiles no arithmetic of {case.dtype} for a CPU")
    if case.params.get("is_result"):
        raise Unsupported("the formula for Numba takes ELU's input, not its result")
    compute = _compiled(numba, case.op)
    number = np.dtype(case.dtype).type
    params = [number(case.params[name]) for name in _PARAMS]
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    compute(*(np.zeros(1, number) for _ in (*case.inputs, *case.outputs)), *params)
    torch.set_num_threads(threads)  # its threads, once started, set the number for all that uses the same OpenMP

    def call(*tensors: Tensor) -> None:
        check_on("cpu", "Numba", tensors)
        compute(*(flat(each).numpy() for each in tensors), *params)

    return call


@functools.cache
def _compiled(numba: Any, op: str) -> Any:
    def elu(x: Any, out: Any, alpha: Any, scale: Any, input_scale: Any) -> None:
        for place in numba.prange(x.size):
            value = x[place]
            out[place] = scale * (value if value > 0 else alpha * math.expm1(input_scale * value))

    def elu_backward(grad: Any, x: Any, out: Any, alpha: Any, scale: Any, input_scale: Any) -> None:
        for place in numba.prange(x.size):
            value = x[place]
            slope = alpha * input_scale * math.exp(input_scale * value) if value <= 0 else x.dtype.type(1)
            out[place] = grad[place] * (scale * slope)

    return numba.njit(parallel=True)({"elu": elu, "elu_backward": elu_backward}[op])
