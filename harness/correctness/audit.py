"""The audit: checks the outputs of timed calls at random moments, on fresh inputs, at random places.

A provider may be right whenever it is checked and take a short cut when it is timed: keep its result for the same
address, leave out the tail, compute with fewer digits, hand the work to a thread. So at random moments the harness
writes fresh values to a few random places of a call's inputs and rubbish to the same places of its outputs, times
the call like any other, and holds those places against the oracle. To notice an audit, a call would have to read
all of its inputs, and that is most of the work. What an audit takes is outside of every timed region.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from harness.correctness import gate, integrity
from harness.ops.buffers import BufferSet
from harness.ops.cases import Case
from harness.ops.catalogue import OPS
from harness.ops.op import TensorSpec

# One audit at a random one of the first calls of each entry, then one among as many as there were so far: some ten
# in a thousand calls. Their cost stays in proportion, and no call can know that it is not looked at.
_FIRST_WITHIN = 8
_PLACES = 64  # of a tensor, about
_CHANNELS = 2  # whose sums are checked, where an output is a sum over all the others

Index = tuple[torch.Tensor, ...]


@dataclass
class Audit:
    """Watches the timed calls of one sampling; `failures` holds the first one of each provider, as a sentence."""

    case: Case
    buffers: Sequence[BufferSet]  # those that the calls use
    names: Mapping[str, str]  # the provider behind each entry that is audited
    failures: dict[str, str] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)  # of the clock, by nobody knows whom
    count: int = 0
    _chance: random.Random = field(default_factory=random.SystemRandom)  # no seed: a provider cannot read it
    _calls: dict[str, int] = field(default_factory=dict)
    _due: dict[str, int] = field(default_factory=dict)

    def __call__(self, entry: str, slot: int, slots: int) -> Callable[[], None] | None:
        """Right before a timed call of `entry`: what to do right after it, or nothing."""
        if entry not in self.names or not self._is_due(entry):
            return None
        self.replaced += integrity.restore()  # by somebody, in a call that nobody watched
        # A call that stands for many, as a graph does, uses all of the sets.
        buffers = self.buffers[slot if slots > 1 else self._chance.randrange(len(self.buffers))]
        places = _Places.of(self.case, self._chance)
        kept = places.disturb(self.case, buffers, self._chance)
        return lambda: self._look(entry, places, buffers, kept)

    def _is_due(self, entry: str) -> bool:
        call = self._calls[entry] = self._calls.get(entry, 0) + 1
        if call != self._due.setdefault(entry, self._chance.randint(1, _FIRST_WITHIN)):
            return False
        window = _FIRST_WITHIN
        while window < call:
            window *= 2
        self._due[entry] = self._chance.randint(window + 1, 2 * window)
        return True

    def _look(self, entry: str, places: _Places, buffers: BufferSet, kept: Sequence[torch.Tensor]) -> None:
        outputs = places.take(places.outputs, buffers.outputs)
        self.count += 1
        provider = self.names[entry]
        failure = _failure(places, buffers, kept, outputs)
        replaced = integrity.restore()
        if replaced:
            failure = integrity.sentence(replaced)
        if failure is not None:
            self.failures.setdefault(provider, failure)


def _failure(
    places: _Places, buffers: BufferSet, kept: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]
) -> str | None:
    inputs = places.take(places.inputs, buffers.inputs)
    for spec, now, before in zip(places.case.inputs, inputs, kept, strict=True):
        if not gate.same_bits(now, before):
            return f"timed outputs: a timed call changed its input {spec.name}"
    verdict = gate.compare(places.case, inputs, outputs)
    if verdict.passed:
        return None
    at = f", at {verdict.worst_input}" if verdict.worst_input else ""
    return f"timed outputs: on fresh inputs {verdict.reason}{at}"


@dataclass(frozen=True)
class _Places:
    """A small case inside of a large one: some indices along each dimension, the last of them always."""

    case: Case
    inputs: tuple[Index, ...]
    outputs: tuple[Index, ...]

    @classmethod
    def of(cls, case: Case, chance: random.Random) -> _Places:
        dim = case.params["dim"] % len(case.shape) if "dim" in case.params and case.shape else None
        summed = OPS[case.op].mixes_elements or any(spec.shape != case.shape for spec in case.outputs)
        per_dim = max(2, round(_PLACES ** (1 / max(1, len(case.shape)))))
        picks = []
        for axis, size in enumerate(case.shape):
            if summed and axis != dim:
                picks.append(torch.arange(size))
                continue
            wanted = _CHANNELS if summed else per_dim
            chosen = {size - 1, *(chance.randrange(size) for _ in range(wanted - 1))}
            picks.append(torch.tensor(sorted(chosen)))
        small = Case(case.op, case.params, tuple(len(each) for each in picks), case.dtype)

        def index(spec: TensorSpec) -> Index:
            if spec.shape == case.shape:
                return tuple(each.view([-1 if a == axis else 1 for a in range(len(picks))])
                             for axis, each in enumerate(picks))  # fmt: skip
            if dim is not None and spec.shape == (case.shape[dim],):
                return (picks[dim],)
            return tuple(torch.arange(size) for size in spec.shape[:1])  # small, and taken whole

        return cls(small, tuple(map(index, case.inputs)), tuple(map(index, case.outputs)))

    def take(self, indices: Sequence[Index], tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Copies of the values at the places."""
        return [tensor[_on(tensor, index)].clone() for index, tensor in zip(indices, tensors, strict=True)]

    def disturb(self, case: Case, buffers: BufferSet, chance: random.Random) -> list[torch.Tensor]:
        """Fresh values to the places of the inputs, and rubbish to those of the outputs; what the inputs are now."""
        generator = torch.Generator().manual_seed(chance.getrandbits(63))

        def values(like: torch.Tensor, scale: float) -> torch.Tensor:
            return (torch.randn(like.shape, generator=generator) * scale).to(like.device, like.dtype)

        for spec, index, tensor in zip(case.inputs, self.inputs, buffers.inputs, strict=True):
            # Near 0 as well: there a short cut in the arithmetic shows.
            fresh = values(tensor[_on(tensor, index)], chance.choice([2.0, 1.0, 0.01, 1e-3]))
            if spec.name == "self_or_result":
                fresh.clamp_(min=case.least_known)
            tensor[_on(tensor, index)] = fresh
        for index, tensor in zip(self.outputs, buffers.outputs, strict=True):
            # Not NaN, which would give the audit away.
            tensor[_on(tensor, index)] = values(tensor[_on(tensor, index)], math.pi)
        return self.take(self.inputs, buffers.inputs)


def _on(tensor: torch.Tensor, index: Index) -> Index:
    return tuple(each.to(tensor.device) for each in index)
