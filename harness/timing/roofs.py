"""Roofs: what plain streams attain, with the traffic mix of an op, in the same regime and run as the op itself.

Two kinds. The matched roof of a case takes turns with its providers, over the case's own tensors: it is what a case
is held against. The curve over the working set shows the levels of memory, from a core's cache to DRAM, once for
each mix; it is there for figures. In both, the best of a few streams counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import torch

from harness.device.devices import Device
from harness.ops.buffers import BufferSet, flat, normals
from harness.ops.cases import Case
from harness.ops.op import ITEM_BYTES
from harness.plumbing.errors import named
from harness.store.vocabulary import MIXES, Mix

# Large ones that a call touches.
TENSORS: Mapping[str, int] = {Mix.COPY: 2, Mix.TRIAD: 3, Mix.READ: 1, Mix.ARITHMETIC: 3}
_READS: Mapping[str, Callable[..., torch.Tensor]] = {"sum": torch.sum, "max": torch.amax}

Call = Callable[[], object]


def streams(mix: str, device_kind: str) -> tuple[str, ...]:
    """The streams that are tried for a mix."""
    if mix == Mix.ARITHMETIC:
        return ("matmul",)
    plain = {"copy": ("copy", "invert"), "triad": ("xor",), "read": ("sum", "max")}[mix]
    return plain if device_kind == "cpu" else (*plain, "triton 1024", "triton 4096")


def matched(case: Case, names: Iterable[str], buffers: Sequence[BufferSet]) -> dict[str, list[Call]]:
    """Streams over the case's own main tensors, as integers, so that no value makes arithmetic slow."""
    mix, shape = case.roof, case.outputs[0].shape
    main = [index for index, spec in enumerate(case.inputs) if spec.shape == shape]
    words = [([_words(each.inputs[index]) for index in main], _words(each.outputs[0])) for each in buffers]
    return {name: [_stream(mix, name, sources, out) for sources, out in words] for name in names}


def matched_bytes(case: Case) -> int:
    """What a matched stream moves: main tensors only, so a little less than an op with a bias."""
    return TENSORS[case.roof] * case.outputs[0].nbytes


def curve_cases(device: Device) -> Iterator[Case]:
    """The points of the curves: each mix over working sets from a core's cache to well past the last level.

    A point is written as a case whose op is the mix and whose shape is that of one tensor; see `working_set_bytes`.
    The last one is no stream: a product of matrices, for the ceiling of arithmetic.
    """
    largest = min(8 * device.last_level_cache_bytes, 2**30, device.memory_bytes // 8)
    for mix in MIXES:
        size = 2**16
        while size <= largest:
            # On whole multiples of 1 KiB, so that all tensors of a triad are aligned.
            yield Case(mix, {}, (size // TENSORS[mix] // 1024 * 256,), "float32")
            size *= 4
    side = 1024 if device.kind == "cpu" else 4096
    yield Case(Mix.ARITHMETIC, {}, (side, side), "float32")


def flops(point: Case) -> int:
    """Operations of a curve's point: none of a stream's, which moves integers; those of a product of matrices.

    The product's rate is the ceiling of arithmetic in fp32, what a device's lanes attain with data to work on: torch
    keeps tensor cores out of it unless it is told otherwise (`torch.backends.cuda.matmul.allow_tf32`).
    """
    return 2 * point.shape[0] ** 3 if point.op == Mix.ARITHMETIC else 0


def working_set_bytes(point: Case) -> int:
    """The bytes that one call of a curve's point touches, which are also those that it moves."""
    return TENSORS[point.op] * point.elements * ITEM_BYTES[point.dtype]


def curve_calls(point: Case, sets: int, device: Device, seed: int) -> dict[str, list[Call]]:
    """Every stream of a point's mix, bound to each of `sets` newly allocated sets of tensors."""
    arena = normals(sets * TENSORS[point.op] * point.elements, device.torch_device, seed)
    tensors = arena.view(sets, TENSORS[point.op], point.elements)
    calls: dict[str, list[Call]] = {}
    for name in streams(point.op, device.kind):
        # Normals are read as such, so that a sum meets no NaN; what is written is integers, of the same bits.
        words = tensors if name in _READS or point.op == Mix.ARITHMETIC else tensors.view(torch.int32)
        words = words.view(*words.shape[:-1], *point.shape)
        few = torch.empty(-(-point.elements // 1024), dtype=words.dtype, device=device.torch_device)
        calls[name] = [
            _stream(point.op, name, each[:-1] if len(each) > 1 else each, each[-1] if len(each) > 1 else few)
            for each in (list(words[number]) for number in range(sets))
        ]
    return calls


def usable(streams: Mapping[str, list[Call]], device: Device) -> tuple[dict[str, list[Call]], str]:
    """The streams that run here, by trying each once, and a remark on the others: they cost no provider its times."""
    found, remark = {}, ""
    for name, bound in streams.items():
        try:
            bound[0]()
            if device.kind == "cuda":
                torch.cuda.synchronize()
        except Exception as error:
            remark += f"; without the stream {name}, which fails ({named(error)})"
        else:
            found[name] = bound
    return found, remark


def _stream(mix: str, name: str, sources: Sequence[torch.Tensor], out: torch.Tensor) -> Call:
    if name.startswith("triton"):
        from harness.timing import roof_kernels

        return roof_kernels.stream(mix, name, list(sources), out)
    if name == "copy":
        return partial(out.copy_, sources[0])
    if name == "invert":
        return partial(torch.bitwise_not, sources[0], out=out)
    if name == "xor":
        return partial(torch.bitwise_xor, sources[0], sources[1], out=out)
    if name == "matmul":
        return partial(torch.mm, sources[0], sources[1], out=out)
    return partial(_READS[name], sources[0])


def _words(tensor: torch.Tensor) -> torch.Tensor:
    line = flat(tensor)
    if line.element_size() == 2:
        return line.view(torch.int32 if line.numel() % 2 == 0 else torch.int16)
    return line.view(torch.int32)
