"""PyTorch's own kernels for CUDA, of ops that take one launch: which they are, what they take, and what they count.

ATen has a template for kernels of single elements, `vectorized_elementwise_kernel<vector, formula, tensors>(N, formula,
tensors)`: a block of 128 threads takes vectors of 16 bytes. The formula is an object whose fields are numbers. How they
lie there nobody promises, so what a kernel computes here is held against the same operator on the CPU.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.machine_code import disassemble, fatbin, model
from harness.machine_code.executed import NotExecutedError
from harness.machine_code.library import AtenLibrary
from harness.machine_code.library_code import ExecutedBlock, LibraryKernel, execute, kernels, listing
from harness.machine_code.rows import InspectedRow
from harness.ops.op import ITEM_BYTES

_ELEMENTS = 2**26  # of a launch that is counted: its first block is a full one
_VECTOR_BYTES = 16
_EIGHT_WIDE = ("sm_90", "sm_100")  # elsewhere a vector has four elements at most
_MIN, _BOTH = 0, 2  # which ends ATen's clamp has
# How a formula's name tells its dtype: a lambda's parameter, or what a functor of two tensors is made for.
_DTYPES = {"float32": "f", "float64": "d", "float16": "4Half", "bfloat16": "8BFloat16"}
_TOLERANCE = {"float64": 1e-13, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1.6e-2}
_FORMATS = {"float64": "d", "float32": "f", "float16": "e", "bfloat16": "H", "int": "i", "bool": "?"}

aten = torch.ops.aten
Fields = Sequence[tuple[str, float]]  # (type, value): "real" is what is computed in, "element" the tensors' dtype


@dataclass(frozen=True)
class AtenFunction:
    """A formula of ATen. The functions take the values of the op's parameters last."""

    part: str  # a regular expression for what is in the mangled name of its kernels alone
    inputs: int
    fields: Callable[..., Fields]
    computed: Callable[..., Tensor]  # by PyTorch, of the inputs

    @property
    def name(self) -> str:
        """What the file is searched for."""
        return re.split(r"[.\\(]", self.part)[0]


def _clamped(low: float, high: float, ends: int) -> Fields:
    return ("int", ends), ("real", low), ("real", high)


def _elu(alpha: float, scale: float, input_scale: float) -> Fields:
    return ("real", alpha * scale), ("real", scale), ("real", input_scale)


FUNCTIONS: Mapping[str, AtenFunction] = {
    "elu": AtenFunction("10elu_kernel", 1, _elu, aten.elu),
    "elu_backward": AtenFunction(
        "19elu_backward_kernel", 2,
        lambda *params: (*_elu(*params[:3]), ("bool", params[3])),
        lambda grad, known, *params: aten.elu_backward(grad, *params, known),
    ),
    "relu": AtenFunction("19launch_clamp_scalar", 1, lambda: _clamped(0.0, 0.0, _MIN), aten.relu),
    "relu_backward": AtenFunction(
        "threshold_kernel_impl", 2, lambda: (("element", 0.0), ("element", 0.0)),
        lambda x, grad: aten.threshold_backward(grad, x, 0.0),
    ),
    "shifted_relu": AtenFunction(
        "19launch_clamp_scalar", 1, lambda: _clamped(-1.0, -1.0, _MIN), lambda x: aten.clamp_min(x, -1.0)
    ),
    "shifted_relu_backward": AtenFunction(
        "threshold_kernel_impl", 2, lambda: (("element", -1.0), ("element", 0.0)),
        lambda x, grad: aten.threshold_backward(grad, x, -1.0),
    ),
    "leaky_relu": AtenFunction("17leaky_relu_kernel", 1, lambda slope: (("real", slope),), aten.leaky_relu),
    "leaky_relu_backward": AtenFunction(
        "26leaky_relu_backward_kernel", 2, lambda slope: (("real", slope),),
        lambda x, grad, slope: aten.leaky_relu_backward(grad, x, slope, False),
    ),
    "hardtanh": AtenFunction("19launch_clamp_scalar", 1, lambda: _clamped(-1.0, 1.0, _BOTH), aten.hardtanh),
    "softplus": AtenFunction("15softplus_kernel", 1, lambda: (("real", 1.0), ("real", 20.0)), aten.softplus),
    "gelu": AtenFunction(r"18GeluCUDAKernelImpl\w*?GeluTypeEENKUlvE0_clEv", 1, lambda: (), aten.gelu),
    "sigmoid": AtenFunction("19sigmoid_kernel_cuda", 1, lambda: (), aten.sigmoid),
    "maximum": AtenFunction("19maximum_kernel_cuda", 2, lambda: (), aten.maximum),
}  # fmt: skip


def vector_of(dtype: str, arch: str) -> int:
    """How many elements ATen gives a vector."""
    return min(_VECTOR_BYTES // ITEM_BYTES[dtype], 8 if arch in _EIGHT_WIDE else 4)


def counted(
    library: AtenLibrary, blank: InspectedRow, vector: int | None = None, params: Sequence[Any] = ()
) -> InspectedRow:
    """The blank row (its op, dtype and architecture) with the numbers of ATen's kernel, or with why there are none."""
    if blank.op not in FUNCTIONS:
        return replace(blank, reason="eager PyTorch takes several kernels for it, or none of single elements")
    try:
        return _counted(library, blank, vector or vector_of(blank.dtype, blank.arch), params)
    except (NotExecutedError, disassemble.ToolError, fatbin.LibraryError) as error:
        return replace(blank, reason=str(error))


def _counted(library: AtenLibrary, blank: InspectedRow, vector: int, params: Sequence[Any]) -> InspectedRow:
    function, dtype = FUNCTIONS[blank.op], blank.dtype
    kernel = _kernel(library, function, dtype, blank.arch, vector)
    tensors = [torch.empty(_ELEMENTS, dtype=getattr(torch, dtype), device="meta") for _ in range(function.inputs + 1)]
    fields = _packed(function.fields(*params), dtype)
    block = execute(
        kernel, blank.arch, [struct.pack("<i", _ELEMENTS), fields], tensors, _ELEMENTS // kernel.threads
    )  # fmt: skip
    _hold_against(block, function, dtype, params)
    programs = -(-_ELEMENTS // block.stored.numel())
    stored = ITEM_BYTES[dtype] * _ELEMENTS
    loaded = stored * function.inputs
    taken = disassemble.resources(str(kernel.cubin), kernel.name)
    name = function.name.lstrip("0123456789")
    said = f"Counted in the machine code of {library.version}, block 0 executed on normal numbers."
    second = " Whether PyTorch takes the second kernel that it has for sm_100 is not known here." * (
        blank.arch == "sm_100"
    )
    named = replace(blank, kernel=f"vectorized_elementwise_kernel<{vector}, {name}>", notes=(said + second,))
    return model.row_of(
        named, block.counts,
        model.LaunchWork(_ELEMENTS, programs * kernel.threads, stored, loaded, stored, loaded),
        (stored + loaded) / _ELEMENTS, threads=kernel.threads, programs=programs, registers=taken.registers,
        local_bytes=taken.local_bytes, shared_bytes=0, accesses=block.accesses, active_threads=block.active_threads,
    )  # fmt: skip


def _kernel(library: AtenLibrary, function: AtenFunction, dtype: str, arch: str, vector: int) -> LibraryKernel:
    """The one kernel of the library. Raises NotExecutedError, LibraryError, ToolError."""
    letter = _DTYPES[dtype]
    element = letter if len(letter) == 1 else rf"N(?:S\w?_|3c10){letter}E"
    of_dtype = rf"EUl{element}(?:S\w?_|{letter})*E_|13BinaryFunctorI{element}"
    # Of the newest versions a kernel has a last argument: true is a second kernel, which has code for sm_100 alone.
    asked = re.compile(rf"vectorized_elementwise_kernelILi{vector}E(?=\w*?{function.part})\w*?(?:{of_dtype})")
    tensors = f"Lm{function.inputs + 1}E"
    found = [
        each
        for cubin in cut(library, arch)
        for each in _all(cubin)
        if asked.search(each.name) and tensors in each.name and "Lb1EEEvi" not in each.name
    ]
    if len(found) != 1:
        raise NotExecutedError(f"{library.version} has {len(found)} kernels for it of vectors of {vector}, not one")
    return found[0]


def listed(library: AtenLibrary, blank: InspectedRow) -> str:
    """The machine code of the row's kernel as text. Raises NotExecutedError, LibraryError, ToolError."""
    vector = vector_of(blank.dtype, blank.arch)
    return listing(_kernel(library, FUNCTIONS[blank.op], blank.dtype, blank.arch, vector))


def cut(library: AtenLibrary, arch: str) -> tuple[Path, ...]:
    """The files of the library with kernels that are known here. Raises LibraryError, ToolError."""
    return fatbin.cubins(library.path, arch, names())


def names() -> tuple[str, ...]:
    """What a file with kernels that are known here has in it."""
    return tuple(sorted({each.name for each in FUNCTIONS.values()}))


@cache
def _all(cubin: Path) -> tuple[LibraryKernel, ...]:
    return tuple(kernels(cubin))


def _packed(fields: Fields, dtype: str) -> bytes:
    """The numbers as an object in C++ has them: each at a multiple of its size."""
    data = bytearray()
    for kind, value in fields:
        of = {"element": dtype, "real": "float64" if dtype == "float64" else "float32"}.get(kind, kind)
        form = _FORMATS[of]
        data += bytes(-len(data) % struct.calcsize(form))
        if of == "bfloat16":
            value = struct.unpack("<I", struct.pack("<f", value))[0] >> 16
        data += struct.pack(f"<{form}", value)
    return bytes(data)


def _hold_against(block: ExecutedBlock, function: AtenFunction, dtype: str, params: Sequence[Any]) -> None:
    """Raises NotExecutedError unless the block computed what the operator does."""
    true = function.computed(*block.inputs, *params)
    if block.stored.numel() and torch.allclose(block.stored, true, rtol=_TOLERANCE[dtype], atol=_TOLERANCE[dtype] / 8):
        return
    off = float((block.stored.double() - true.double()).abs().max()) if block.stored.numel() else float("inf")
    raise NotExecutedError(f"the kernel that was found computes something else: it is off by up to {off:.3g}")
