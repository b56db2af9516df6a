"""Other libraries' ELU, each an optional extra: `pip install 'elubench[peers]'`.

A peer's tensors share the memory of PyTorch's. What it can only return is copied into the output, inside of the timed
call: its own time cannot be had apart from that, and its description says so.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.ops.op import Unsupported

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case

PEERS = {
    "jax": "jax.nn.elu, compiled by XLA, on a CPU; its result is copied into the output, in the time",
    "onnxruntime": "ONNX Runtime's operator Elu, on a CPU, written straight into the output",
    "numba": "ELU's formula in Python with math.expm1, compiled by Numba for a CPU's cores",
    "tensorflow": "tf.nn.elu, on a CPU; its result is copied into the output, in the time",
    "cupy": "ELU's formula with expm1 as a CuPy ElementwiseKernel, on a GPU",
    "flaggems": "FlagGems' Triton kernels, on a GPU or an emulated one; results are copied to the output, in the time",
}


def imported(module: str, name: str, extra: str) -> Any:
    """The module. Raises Unsupported where it is not installed, with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Unsupported(f"{name} is not installed: pip install {extra}") from None


def check_case(case: Case, name: str, ops: Sequence[str], params: Sequence[str] = ("alpha",)) -> None:
    """Raise Unsupported unless a library has the op, with what differs from 1 among these parameters."""
    if case.op not in ops:
        raise Unsupported(f"{name} is entered for {' and '.join(ops)}, and has no {case.op} here")
    for each in ("alpha", "scale", "input_scale"):
        if each not in params and case.params[each] != 1.0:
            raise Unsupported(f"{name}'s ELU has no {each}")
    if case.layout != "contiguous":
        raise Unsupported(f"{name} takes arrays without strides, and is not given a {case.layout} one")


def check_on(kind: str, name: str, tensors: Sequence[Tensor]) -> None:
    """Raise Unsupported where tensors are elsewhere than the library is entered for."""
    if tensors[0].device.type != kind:
        raise Unsupported(f"{name} is entered for tensors on a {'GPU' if kind == 'cuda' else 'CPU'} alone")
