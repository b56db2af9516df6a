"""What a launch executed: instructions by kind, bytes and sectors of every access, bank conflicts, divergence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.flow import Block
from harness.emulator.layout import WARP
from harness.emulator.memory import Memory
from harness.emulator.observers import Access, Observer
from harness.emulator.ptx import Instruction, Kernel
from harness.emulator.spaces import Spaces

SECTOR = 32  # bytes: the least that global memory moves
BANKS, BANK_BYTES = 32, 4
_SPECIAL = {"ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos", "tanh"}
_KINDS = {
    "ld": "load", "ldu": "load", "st": "store", "atom": "atomic", "red": "atomic", "cp": "copy", "ldmatrix": "load",
    "stmatrix": "store", "bra": "control", "ret": "control", "exit": "control", "bar": "barrier", "barrier": "barrier",
    "shfl": "warp", "vote": "warp", "match": "warp", "redux": "warp", "activemask": "warp", "elect": "warp",
    "cvt": "convert", "setp": "compare", "set": "compare", "selp": "compare", "slct": "compare", "mov": "move",
    "prmt": "logic", "lop3": "logic", "and": "logic", "or": "logic", "xor": "logic", "not": "logic", "shl": "logic",
    "shr": "logic", "shf": "logic", "bfe": "logic", "bfi": "logic",
}  # fmt: skip
_FLOATS = {
    "f32": "fp32", "f32x2": "fp32", "f64": "fp64", "f16": "fp16", "f16x2": "fp16", "bf16": "bf16", "bf16x2": "bf16"
}  # fmt: skip


def kind_of(instruction: Instruction) -> str:
    """What an instruction is counted as: "fp32", "integer", "logic", "special", "load", …"""
    if instruction.name in _SPECIAL:
        return "special"
    if instruction.name in _KINDS:
        return _KINDS[instruction.name]
    types = instruction.types
    return _FLOATS.get(types[0], "integer") if types else "other"


@dataclass(frozen=True)
class AccessCount:
    """The accesses of one instruction to one tensor (or to shared or local memory)."""

    instruction: int  # its index in the kernel
    text: str
    place: str  # in the source
    tensor: str
    space: str
    kind: str  # "load", "store", "atomic"
    bytes: int  # that threads asked for
    requests: int  # by warps
    sectors: int  # of 32 bytes, in global memory
    wavefronts: int  # in shared memory: 1 a request and phase without bank conflicts
    least_wavefronts: int

    @property
    def bank_conflicts(self) -> int:
        return self.wavefronts - self.least_wavefronts


@dataclass(frozen=True)
class Counts:
    """A launch in numbers."""

    thread_instructions: Mapping[str, int]  # by kind, one for each thread
    warp_instructions: Mapping[str, int]  # by kind, one for each warp that has a thread in it
    by_opcode: Mapping[str, int]  # warps, by the opcode with its modifiers
    accesses: tuple[AccessCount, ...]
    branches: int  # of warps, with a condition
    divergent_branches: int  # of them those that part the warp
    lines: Mapping[int, int]  # warps that executed each line of the PTX that has instructions
    parting_lines: frozenset[int]  # those of the branches that part a warp

    @property
    def active_threads_per_warp(self) -> float:
        """Of 32, in the mean over all instructions that warps executed."""
        return sum(self.thread_instructions.values()) / max(1, sum(self.warp_instructions.values()))


class Counting(Observer):
    """Counts what the machine executes. Instructions that compute launch constants are counted like all others."""

    def __init__(self, kernel: Kernel, memory: Memory) -> None:
        self._kernel, self._memory = kernel, memory
        self._threads: Counter[Block] = Counter()
        self._warps: Counter[Block] = Counter()
        self._accesses: dict[tuple[int, str], list[int]] = {}
        self._about: dict[tuple[int, str], tuple[Instruction, str, str]] = {}
        self._branches = self._divergent = 0
        self._parting: set[int] = set()

    def batch(self, spaces: Spaces, blocks: int) -> None:
        per_block = -(-spaces.threads // WARP)
        self._warp = spaces.block * per_block + spaces.thread // WARP
        self._count = spaces.blocks * per_block
        self._owner = spaces.block

    def executed(self, block: Block, mask: Array) -> None:
        self._threads[block] += int(np.count_nonzero(mask))
        self._warps[block] += int(np.count_nonzero(np.bincount(self._warp[mask], minlength=self._count)))

    def branched(self, instruction: Instruction, mask: Array, taken: Array) -> None:
        some = np.bincount(self._warp[taken], minlength=self._count)
        all_ = np.bincount(self._warp[mask], minlength=self._count)
        self._branches += int(np.count_nonzero(all_))
        parted = int(np.count_nonzero((some > 0) & (some < all_)))
        self._divergent += parted
        if parted:
            self._parting.add(instruction.line)

    def accessed(self, access: Access) -> None:
        names = self._tensors(access)
        for name in sorted(set(names)):
            which = slice(None) if len(set(names)) == 1 else np.array([each == name for each in names])
            key = (access.instruction.index, name)
            self._about[key] = (access.instruction, access.space, access.kind)
            numbers = self._numbers(access.space, access.lanes[which], access.addresses[which], access.bytes)
            before = self._accesses.get(key, [0] * 5)
            self._accesses[key] = [a + b for a, b in zip(before, numbers, strict=True)]

    def _tensors(self, access: Access) -> list[str]:
        if access.space != "global":
            return [access.space]
        low, high = int(access.addresses.min()), int(access.addresses.max())
        first, last = self._memory.name_at(low)[0], self._memory.name_at(high)[0]
        if first == last:
            return [first]
        return [self._memory.name_at(int(each))[0] for each in access.addresses]

    def _numbers(self, space: str, lanes: Array, addresses: Array, size: int) -> list[int]:
        """bytes, requests, sectors, wavefronts, the least wavefronts"""
        warps = self._warp[lanes].astype(np.uint64)
        requests = np.unique(warps).size
        sectors = wavefronts = least = 0
        if space == "global":
            first, last = addresses >> np.uint64(5), (addresses + np.uint64(size - 1)) >> np.uint64(5)
            keys = np.concatenate([(warps << np.uint64(44)) | first, (warps << np.uint64(44)) | last])
            sectors = np.unique(keys).size
        elif space == "shared":
            wavefronts, least = _wavefronts(warps.astype(np.int64), lanes, addresses.astype(np.int64), size)
        return [lanes.size * size, requests, sectors, wavefronts, least]

    def counts(self) -> Counts:
        """What was counted since the launch began."""
        threads: Counter[str] = Counter()
        warps: Counter[str] = Counter()
        opcodes: Counter[str] = Counter()
        lines = dict.fromkeys((step.line for step in self._kernel.instructions), 0)
        for block, number in self._threads.items():
            for step in self._kernel.instructions[block.first : block.end]:
                threads[kind_of(step)] += number
                warps[kind_of(step)] += self._warps[block]
                opcodes[".".join((step.name, *step.modifiers))] += self._warps[block]
                lines[step.line] = max(lines[step.line], self._warps[block])
        accesses = []
        for key, numbers in sorted(self._accesses.items()):
            step, space, kind = self._about[key]
            accesses.append(AccessCount(step.index, step.text, step.place, key[1], space, kind, *numbers))
        return Counts(
            dict(threads), dict(warps), dict(opcodes), tuple(accesses), self._branches, self._divergent, lines,
            frozenset(self._parting),
        )  # fmt: skip


def _wavefronts(warps: Array, lanes: Array, addresses: Array, size: int) -> tuple[int, int]:
    """(passes through shared memory, passes without bank conflicts).

    A pass serves 128 bytes: all threads of a warp for 4 bytes each, halves for 8, quarters for 16. In it a bank gives
    one word, to as many threads as ask for it.
    """
    per_pass = WARP * BANK_BYTES // max(size, BANK_BYTES)
    groups = warps * (WARP // per_pass) + lanes % WARP // per_pass
    words = (addresses[:, None] + np.arange(0, max(size, BANK_BYTES), BANK_BYTES)) // BANK_BYTES
    pairs = np.unique(np.stack([np.repeat(groups, words.shape[1]), words.reshape(-1)], axis=1), axis=0)
    banks = np.unique(pairs[:, 0] * BANKS + pairs[:, 1] % BANKS, return_counts=True)
    group = banks[0] // BANKS
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    return int(np.maximum.reduceat(banks[1], starts).sum()), starts.size
