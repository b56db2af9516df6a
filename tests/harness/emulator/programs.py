"""Instructions by themselves: a kernel of a line of PTX, run by the machine, or on a device by CUDA's compiler."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import torch

from harness.emulator.faults import Faults
from harness.emulator.machine import Program
from harness.emulator.memory import Memory
from harness.emulator.operands import Options
from harness.emulator.reader import parse

THREADS = 128
NUMPY = {
    "f16": np.uint16, "bf16": np.uint16, "b16": np.uint16, "u16": np.uint16, "s16": np.int16, "b32": np.uint32,
    "u32": np.uint32, "s32": np.int32, "f32": np.float32, "b64": np.uint64, "u64": np.uint64, "s64": np.int64,
    "f64": np.float64, "b8": np.uint8, "u8": np.uint8, "s8": np.int8,
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Instructions, with $0 for the result and $1, $2, … for the operands, and their types."""

    text: str
    to: str
    operands: tuple[str, ...]
    target: str = "sm_80"

    def __str__(self) -> str:
        return self.text


def line(text: str, to: str, *operands: str, target: str = "sm_80") -> Line:
    return Line(text, to, operands, target)


def _size(kind: str) -> int:
    return np.dtype(NUMPY[kind]).itemsize


def _register(kind: str) -> str:
    return f"b{max(16, 8 * _size(kind))}"


def ptx(code: Line) -> str:
    """A kernel whose thread i takes the i-th number of each operand and writes the i-th result."""
    kinds = (code.to, *code.operands)
    text = code.text
    for index in reversed(range(len(kinds))):
        text = text.replace(f"${index}", f"%v{index}")
    parameters = ",\n".join(f".param .u64 p{index}" for index in range(len(kinds)))
    version = {"sm_100": "8.6", "sm_120": "8.7"}.get(code.target.rstrip("a"), "8.1")
    lines = [f".version {version}", f".target {code.target}", ".address_size 64"]
    lines += [f".visible .entry one_line(\n{parameters}\n)\n{{"]
    lines += [".reg .b64 %a<9>;", ".reg .b32 %t<4>;", ".reg .pred %p<4>;"]
    lines += [f".reg .{_register(kind)} %v{index};" for index, kind in enumerate(kinds)]
    lines += ["mov.u32 %t0, %ctaid.x;", "mov.u32 %t1, %tid.x;", f"mad.lo.u32 %t0, %t0, {THREADS}, %t1;"]
    for index, kind in enumerate(kinds):
        lines += [f"ld.param.u64 %a{index}, [p{index}];", f"mad.wide.u32 %a{index}, %t0, {_size(kind)}, %a{index};"]
        if index:
            lines += [f"ld.global.b{8 * _size(kind)} %v{index}, [%a{index}];"]
    lines += [text, f"st.global.b{8 * _size(code.to)} [%a0], %v0;", "ret;", "}"]
    return "\n".join(lines) + "\n"


def padded(values: object, kind: str, count: int) -> np.ndarray:
    array = np.atleast_1d(np.asarray(values))
    if array.dtype.kind in "iu" and array.dtype != NUMPY[kind] and np.dtype(NUMPY[kind]).kind == "f":
        array = array.astype(f"u{_size(kind)}").view(NUMPY[kind])  # bits of a float
    array = array.astype(NUMPY[kind])
    return np.resize(array, count)


def execute(code: Line, *operands: object, ex2: str = "nearest") -> np.ndarray:
    """The results of the machine; fp16 and bfloat16 are given and returned as bits."""
    length = max(np.atleast_1d(np.asarray(each)).size for each in operands)
    count = -(-length // THREADS) * THREADS
    arrays = [np.zeros(count, NUMPY[code.to])]
    arrays += [padded(each, kind, count) for each, kind in zip(operands, code.operands, strict=True)]
    memory, faults = Memory(), Faults()
    for index, array in enumerate(arrays):
        memory.add_array(f"v{index}", array)
    program = Program(parse(ptx(code)), THREADS, min(8, count // THREADS), 0, Options(ex2))
    addresses = np.array([each.ctypes.data for each in arrays], np.uint64)
    program.run((count // THREADS, 1, 1), addresses.tobytes(), memory, (), faults)
    assert not faults.all()
    return arrays[0][:length]


def on_device(code: Line, *operands: object) -> np.ndarray:
    """The same by the device: CUDA compiles the very text."""
    length = max(np.atleast_1d(np.asarray(each)).size for each in operands)
    count = -(-length // THREADS) * THREADS
    torch.cuda.init()
    torch.zeros(1, device="cuda")
    cuda = ctypes.CDLL("libcuda.so.1")
    arrays = [np.zeros(count, NUMPY[code.to])]
    arrays += [padded(each, kind, count) for each, kind in zip(operands, code.operands, strict=True)]
    tensors = [torch.from_numpy(each.view(np.uint8)).cuda() for each in arrays]
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    _check(cuda.cuModuleLoadData(ctypes.byref(module), ptx(code).encode() + b"\0"))
    _check(cuda.cuModuleGetFunction(ctypes.byref(function), module, b"one_line"))
    pointers = [ctypes.c_uint64(each.data_ptr()) for each in tensors]
    given = (ctypes.c_void_p * len(pointers))(*[ctypes.addressof(each) for each in pointers])
    torch.cuda.synchronize()
    _check(cuda.cuLaunchKernel(function, count // THREADS, 1, 1, THREADS, 1, 1, 0, None, given, None))
    torch.cuda.synchronize()
    result = tensors[0].cpu().numpy().view(NUMPY[code.to])[:length]
    _check(cuda.cuModuleUnload(module))
    return result


def _check(result: int) -> None:
    assert result == 0, f"CUDA error {result}"
