"""CuPy: it has no ELU, so the formula as an ElementwiseKernel. On a GPU alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.providers.peers import check_case, check_on, imported

_PARAMS = ("alpha", "scale", "input_scale")


def prepare(case: Case) -> Callable[..., None]:
    """A call on CuPy's views of the tensors, on PyTorch's stream."""
    if not torch.cuda.is_available():
        raise Unsupported("CuPy computes on a GPU, and there is none")
    cupy = imported("cupy", "CuPy", "cupy-cuda12x")
    check_case(case, "CuPy", ("elu",), _PARAMS)
    if case.dtype == "bfloat16":
        raise Unsupported("CuPy has no arithmetic of bfloat16")
    kernel = cupy.ElementwiseKernel(*kernel_text(case.dtype))
    params = [case.params[name] for name in _PARAMS]

    def call(x: Tensor, out: Tensor) -> None:
        check_on("cuda", "CuPy", (x,))
        with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
            kernel(cupy.from_dlpack(x), *params, cupy.from_dlpack(out))

    return call


def kernel_text(dtype: str) -> tuple[str, str, str, str]:
    """What CuPy is given for a dtype: the kernel's inputs, its output, its body and its name."""
    wide = "double" if dtype == "float64" else "float"
    inputs = f"T x, {wide} alpha, {wide} scale, {wide} input_scale"
    return inputs, "T y", f"{wide} v = x; y = T(scale * (v > 0 ? v : alpha * expm1(input_scale * v)))", "elu"
