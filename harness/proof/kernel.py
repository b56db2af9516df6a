"""The kernel that a provider launches for an op: compiled, run by the emulated GPU, and translated where it can be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from harness import providers
from harness.emulator import emulated as emulator
from harness.emulator.driver import EmulatedLaunch
from harness.emulator.emulated import emulated
from harness.emulator.layout import place
from harness.emulator.ptx import Kernel, PtxError
from harness.emulator.reader import parse
from harness.ops.buffers import BufferSet, allocate, poison
from harness.ops.cases import Case, make_case
from harness.proof import translate
from harness.proof.expressions import NotStraight, element_of
from harness.proof.lines import LINES, End, Known
from harness.proof.plan import Subject

_RANDOM = 2**17  # inputs of each kind on which a translation is held against the emulated GPU
_LARGEST_BLOCK = 2**13  # a kernel's elements of a block divide it: what is compiled for a rest has branches
_INTEGERS = {16: (np.uint16, torch.int16), 32: (np.uint32, torch.int32)}
_EX2: dict[End, emulator.End] = {
    End.NEAREST: "nearest",
    End.UNUSED: "nearest",
    End.LOW: "low",
    End.HIGH: "high",
}
Array = np.ndarray[Any, Any]


class NotTheSame(Exception):
    """The translation and the emulated GPU differ: a fault of this suite, never of a kernel."""


class Emulated:
    """A provider's kernel, run by the emulated GPU on inputs given as bits; `launches` are those of the last call."""

    def __init__(self, spec: str, op: str, dtype: str, known: Known, arch: str) -> None:
        self._call: Callable[..., None] | None = None
        self._spec, self._op, self._dtype, self._known, self._arch = spec, op, dtype, known, arch
        self.launches: list[EmulatedLaunch] = []
        self.buffers: BufferSet | None = None

    def _case(self, elements: int) -> Case:
        given = {"is_result": self._known is Known.RESULT} if self._op == "elu_backward" else {}
        return make_case(self._op, (elements,), self._dtype, given)

    def __call__(self, bits: Array, end: End) -> Array:
        """The outputs as bits; gradients of the output are 1."""
        unsigned, signed = _INTEGERS[LINES[self._dtype].bits]
        case = self._case(bits.size)
        buffers = self.buffers = allocate(case, 1, "cpu")[0]
        for tensor in buffers.inputs[:-1]:
            tensor.fill_(1.0)
        buffers.inputs[-1].view(signed).copy_(torch.from_numpy(bits.view(np.dtype(f"i{bits.itemsize}"))))
        poison(buffers.outputs)
        with emulated(self._arch, ex2=_EX2[end], checks=False) as gpu:
            providers.load(self._spec).prepare(case)(*buffers.inputs, *buffers.outputs)
        self.launches = gpu.launches
        if not self.launches:
            raise providers.Unsupported(f"{providers.name_of(self._spec)} launches no Triton kernel for {self._op}")
        if faults := [fault for launch in self.launches for fault in launch.faults]:
            raise providers.WrongOutput(f"memory: {faults[0]}")
        found: Array = buffers.outputs[0].view(signed).numpy().view(unsigned).copy()
        return found


def subject_of(spec: str, op: str, dtype: str, known: Known, arch: str) -> Subject:
    """The kernel of a provider, its translation held against the emulated GPU.

    Raises Unsupported where it launches none, NotTheSame, and what the provider raises.
    """
    machine = Emulated(spec, op, dtype, known, arch)
    bits = _inputs(dtype)
    machine(bits, End.NEAREST)
    kernels = [parse(launch.ptx) for launch in machine.launches]
    has_bound = any(step.has("approx") for kernel in kernels for step in kernel.instructions)
    ends = (End.NEAREST, End.LOW, End.HIGH) if has_bound else (End.UNUSED,)
    source = _translated(machine, kernels) if dtype == "float32" else None
    checked = 0
    if source is not None:
        function = translate.compiled(source)
        for end in ends:
            _same(machine(bits, end), translate.outputs(function, bits, end), bits)
            checked += bits.size
    text = "\n".join(step.text for kernel in kernels for step in kernel.instructions)
    return Subject(op, dtype, known, ends, hashlib.sha256(text.encode()).hexdigest(), source, checked)


def _translated(machine: Emulated, kernels: list[Kernel]) -> str | None:
    if len(kernels) != 1 or machine.buffers is None:
        return None
    kernel, given, buffers = kernels[0], machine.launches[0].parameters, machine.buffers
    names = [*(f"input {place}" for place in range(len(buffers.inputs))), "output"]
    pointers = {t.data_ptr(): name for t, name in zip((*buffers.inputs, *buffers.outputs), names, strict=True)}
    offsets = place(kernel.parameters)[0]
    tensors = {}
    for each in kernel.parameters:
        start = offsets[each.name]
        name = pointers.get(int.from_bytes(given[start : start + each.size], "little"))
        if name is not None and each.size == 8:
            tensors[each.name] = name
    try:
        element = element_of(kernel, tensors, given, "output")
        return translate.source_of(element, f"input {len(buffers.inputs) - 1}")
    except (NotStraight, PtxError):
        return None


def _same(wanted: Array, found: Array, bits: Array) -> None:
    if places := np.flatnonzero(wanted != found)[:1].tolist():
        at = places[0]
        raise NotTheSame(
            f"the translation of the kernel gives {found[at]:#x} for {bits[at]:#x} where the emulated GPU gives "
            f"{wanted[at]:#x}; please report it"
        )


def _inputs(dtype: str) -> Array:
    """All of a 16-bit type; of fp32, both ends of every binade, random ones of all and of those that ELU bends."""
    line = LINES[dtype]
    if line.bits == 16:
        return np.array([line.pattern(place) for place in range(1 << 16)], np.uint16)
    draw = np.random.default_rng(0)
    ends = [binade * line.each + place for binade in range(line.binades) for place in (0, 1, line.each - 1)]
    special = np.array([line.pattern(place) for place in ends], np.uint32)
    anywhere = draw.integers(0, 2**32, _RANDOM, dtype=np.uint32)
    bent = -np.exp(draw.uniform(np.log(2.0**-30), np.log(120.0), _RANDOM)).astype(np.float32)
    found = np.concatenate([special, anywhere, bent.view(np.uint32)])
    return np.resize(found, -(-found.size // _LARGEST_BLOCK) * _LARGEST_BLOCK)
