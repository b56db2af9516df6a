"""The gate: the correctness check that a provider must pass on a case before any of its times counts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from harness.correctness import errors
from harness.ops.buffers import BufferSet, flat, poison, refill
from harness.ops.cases import Case
from harness.ops.catalogue import MODEL_OPS, OPS

# In ULP of the output's dtype, beyond what the op's conditioning forgives (harness.ops.reference). Eager PyTorch
# stays below 0.5 in 16-bit types and reaches 3 in fp32 at (2, 3, 1.25); exp(x) - 1 reaches 4.1 in fp16,
# 256 in bf16 and millions in fp32.
BOUND_ULP = {"float16": 2.0, "bfloat16": 2.0, "float32": 4.0, "float64": 4.0}
_CHUNK_ELEMENTS = 2**20
_SPOT_ELEMENTS = 2**20  # of each part that is looked at where not all of a tensor is
_SPIN_CYCLES = 20_000_000  # about 10 ms of a GPU's clock: longer than it takes to launch a kernel

Provider = Callable[..., None]


@dataclass(frozen=True)
class GateVerdict:
    """What the gate found: whether it passed, why not, the largest error and the input that makes it."""

    passed: bool
    reason: str | None
    max_ulp: float
    worst_input: str | None
    flushes_subnormals: bool = False  # right but where an input or the result is subnormal: there it gives 0


def check(case: Case, call: Provider, buffers: BufferSet, seed: int) -> GateVerdict:
    """Run `call(*inputs, *outputs)` on adversarial inputs, then on fresh normals, against the fp64 reference.

    The same buffers are filled anew in between, so a result kept from an earlier call is caught; outputs are
    poisoned before each call, and inputs are compared with what they were. The first check is of every element;
    what the second is after shows at any of them.
    """
    worst = GateVerdict(True, None, 0.0, None)
    fills = (refill,) if OPS[case.op].mixes_elements else (_adversarial, refill)
    for number, fill in enumerate(fills):
        fill(case, buffers, seed)
        verdict = check_once(case, call, buffers, in_spots=number > 0)
        if not verdict.passed:
            return verdict
        worst = worse(worst, verdict)
    return worst


def worse(a: GateVerdict, b: GateVerdict) -> GateVerdict:
    """Of two verdicts that passed: the larger error, and a flush that either saw."""
    larger = max(a, b, key=lambda each: each.max_ulp)
    return replace(larger, flushes_subnormals=a.flushes_subnormals or b.flushes_subnormals)


def check_once(case: Case, call: Provider, buffers: BufferSet, in_spots: bool = False) -> GateVerdict:
    """One call on the inputs as they are, against the oracle: every element, or the two ends and somewhere between.

    Its outputs are taken at once, in the order of the stream that the call was made on: what a thread or another
    stream is still at is not there yet, and what another stream did before its turn is poisoned over.
    """
    on_cuda = buffers.inputs[0].is_cuda
    before = [tensor.clone() for tensor in buffers.inputs]
    if on_cuda:
        torch.cuda._sleep(_SPIN_CYCLES)  # the poison waits behind this; the host goes ahead
    poison(buffers.outputs)
    call(*buffers.inputs, *buffers.outputs)
    taken = BufferSet(buffers.inputs, tuple(tensor.clone() for tensor in buffers.outputs))
    if on_cuda:
        torch.cuda.synchronize(buffers.inputs[0].device)
    for spec, tensor, kept in zip(case.inputs, buffers.inputs, before, strict=True):
        if not same_bits(tensor, kept):
            return GateVerdict(False, f"the call changed its input {spec.name}", math.inf, None)
    del before
    worst = GateVerdict(True, None, 0.0, None)
    for inputs, outputs in _parts(case, taken, in_spots):
        verdict = compare(case, inputs, outputs)
        if not verdict.passed:
            return verdict
        worst = worse(worst, verdict)
    return worst


def compare(case: Case, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> GateVerdict:
    """What a call made of these inputs, against the reference. A flush of subnormals alone passes, and is said."""
    bound = BOUND_ULP[case.dtype]
    worst = GateVerdict(True, None, 0.0, None)
    expected = OPS[case.op].expected(case, *inputs)
    for spec, actual, true in zip(case.outputs, outputs, expected, strict=True):
        error = errors.measure(actual, true, bound)
        flushed = False
        if error.excess_ulp > 0:
            forgiven, flushed = errors.without_flushed(actual, true, inputs)
            error = errors.measure(forgiven, true, bound) if flushed else error
        got = float(actual.reshape(-1)[error.index])
        wanted = float(true.value.reshape(-1)[error.index])
        at = _inputs_at(case, inputs, actual, error.index)
        if error.excess_ulp > 0:
            if got == wanted == 0:
                size = "a zero of the wrong sign"
            elif math.isinf(error.max_ulp):
                size = "a wrong special value"
            else:
                size = f"{error.max_ulp:.3g} ULP; {bound:g} ULP is allowed"
            reason = f"{spec.name} is {got:.9g} where {wanted:.9g} is true ({size})"
            return GateVerdict(False, reason, error.max_ulp, at)
        worst = worse(worst, GateVerdict(True, None, error.max_ulp, at, flushed))
    return worst


def _inputs_at(case: Case, inputs: Sequence[torch.Tensor], output: torch.Tensor, index: int) -> str:
    """The inputs behind one element of an output of the main shape; the element's place for the others."""
    if tuple(output.shape) != tuple(inputs[0].shape) or case.op in MODEL_OPS:
        return f"element {index}"
    place = tuple(map(int, np.unravel_index(index, tuple(output.shape))))  # torch's own imports sympy, for a second
    parts = []
    for spec, tensor in zip(case.inputs, inputs, strict=True):
        main = tensor.shape == output.shape
        value = tensor[place] if main else tensor[place[case.params["dim"]]]
        parts.append(f"{spec.name}={float(value):.9g}")
    return ", ".join(parts)


def _parts(
    case: Case, buffers: BufferSet, in_spots: bool
) -> Iterator[tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]]:
    """Inputs and outputs in pieces along the first dimension, to bound the oracle's memory; or a few such pieces.

    Where an output depends on more than its own elements, as a sum over all rows does, they are taken whole.
    """
    rows = case.shape[0] if case.shape else 1
    step = max(1, rows * (_SPOT_ELEMENTS if in_spots else _CHUNK_ELEMENTS) // max(1, case.elements))
    along_rows = "dim" in case.params and case.params["dim"] % len(case.shape) == 0  # a bias for each row
    summed = any(tuple(tensor.shape) != case.shape for tensor in buffers.outputs)
    if step >= rows or along_rows or summed or OPS[case.op].mixes_elements:
        yield buffers.inputs, buffers.outputs
        return
    starts: Sequence[int] = range(0, rows, step)
    if in_spots:
        # Unforeseeable by the provider, whose code may set every seed there is.
        starts = sorted({0, random.SystemRandom().randrange(rows - step + 1), rows - step})
    for start in starts:
        part = slice(start, start + step)
        yield (
            [t[part] if tuple(t.shape) == case.shape else t for t in buffers.inputs],
            [t[part] for t in buffers.outputs],
        )


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors of one dtype are equal bit by bit, NaNs and signs of zeros included."""
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
    return torch.equal(a.view(integer), b.view(integer))


def _adversarial(case: Case, buffers: BufferSet, seed: int) -> None:
    """Values that break implementations, at both ends of the activation's argument; the rest stays normals.

    Every other bias is 0, so that half of the sums x + bias are the adversarial values themselves. Where the
    argument is a result of the activation, it is none that the activation never gives.
    """
    refill(case, buffers, seed)
    for spec, tensor in zip(case.inputs, buffers.inputs, strict=True):
        if spec.name == "bias":
            tensor[::2] = 0.0
    main = flat(_argument(buffers))
    values = adversarial_values(main.dtype, seed)
    values = values.clamp(min=case.least_known)
    if main.numel() < values.numel():  # a small tensor gets a sample, the special values first
        values = values[: main.numel()]
    values = values.to(main.device)
    # A few times over, so that they meet every lane of a kernel: all places would take the oracle's long way.
    head = main[: max(values.numel(), _SPOT_ELEMENTS // 2)]
    tail = main[-min(main.numel(), values.numel()) :]
    for end in (head, tail):
        for start in range(0, end.numel(), values.numel()):
            part = end[start : start + values.numel()]
            part.copy_(values[: part.numel()])


def _argument(buffers: BufferSet) -> torch.Tensor:
    """The last input of the main shape: x, or self_or_result."""
    shape = buffers.inputs[0].shape
    return [tensor for tensor in buffers.inputs if tensor.shape == shape][-1]


def adversarial_values(dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Special values, then all bit patterns of a 16-bit dtype, or a dense grid and random bits of a wider one.

    A flat tensor on the CPU. The order after the special values is random, so any prefix is a fair sample.
    """
    info = torch.finfo(dtype)
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, info.tiny, -info.tiny, info.max, info.min]
    special += [
        -info.smallest_normal / 4,
        -1e-4,
        -1e-3,
        -(2.0**-7),
        -(2.0**-10),
        -0.5,
        -1.0,
        -20.0,
        -88.0,
        -104.0,
    ]
    generator = torch.Generator().manual_seed(seed)
    if dtype in (torch.float16, torch.bfloat16):
        body = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
        body = body[torch.randperm(body.numel(), generator=generator)]
    else:
        integer = torch.int32 if dtype == torch.float32 else torch.int64
        limits = torch.iinfo(integer)
        bits = torch.randint(limits.min, limits.max, (2**15,), generator=generator, dtype=integer).view(dtype)
        near = -torch.logspace(-12, 2.1, 2**15, dtype=torch.float64).to(dtype)
        body = torch.cat([bits, near])[torch.randperm(2**16, generator=generator)]
    return torch.cat([torch.tensor(special, dtype=dtype), body])
