"""How often a thread executes each basic block of machine code, as what is known of some instructions tells.

As many threads leave a block as enter it; of the instructions on some lines it is known how often they are executed.
An integer program finds the counts that differ least from all that, and of those that differ as little the ones with
the fewest instructions. What a compiler has moved, unrolled or copied disagrees with some lines, but not with most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx
import numpy as np
from scipy.optimize import LinearConstraint, milp

from harness.emulator.arithmetic import Array
from harness.machine_code.instructions import MachineInstruction

Code = Sequence[MachineInstruction]
_END = -1  # where threads go that leave the kernel
_MOST = 1e6  # times that a loop may go round
_INSTRUCTION = 1e-4  # what an executed instruction costs beside a difference of 1 in the times of a line
_MASK = 1e-2  # and one under a predicate that accesses memory: a full block goes the way without


@dataclass(frozen=True)
class BasicBlock:
    """Instructions [start, stop) that are executed one after the other.

    `successors` are places in the blocks; `may_end`: threads may leave the kernel behind its last instruction.
    """

    start: int
    stop: int
    successors: tuple[int, ...]
    may_end: bool = False


@dataclass(frozen=True)
class Fact:
    """So much is moved, or so often a line is executed: the sum over blocks of times · share is to be `total`."""

    shares: tuple[tuple[int, float], ...]  # (block, how often it is met in one execution of it)
    total: float
    weight: float = 1.0  # of a difference of 1


def blocks(code: Code) -> list[BasicBlock]:
    """Basic blocks in the order of the code. A branch to nowhere that is known counts as a call: it comes back."""
    leaders = {0} | {each.target for each in code if each.target is not None}
    leaders |= {index + 1 for index, each in enumerate(code) if each.target is not None or each.ends or each.may_end}
    starts = sorted(each for each in leaders if each < len(code))
    place = {start: index for index, start in enumerate(starts)}
    found = []
    for start, stop in zip(starts, [*starts[1:], len(code)], strict=True):
        last = code[stop - 1]
        following = [] if last.ends or stop == len(code) else [place[stop]]
        if last.target is not None:
            following.append(place[last.target])
        is_last = last.ends and last.target is None
        found.append(BasicBlock(start, stop, tuple(dict.fromkeys(following)), is_last or last.may_end))
    return found


def times(code: Code, graph: Sequence[BasicBlock], known: Sequence[Fact], *, whole: bool) -> list[float]:
    """How often a thread executes each block; `whole`: in whole numbers."""
    weights: dict[tuple[tuple[tuple[int, float], ...], float], float] = {}
    for fact in known:
        weights[fact.shares, fact.total] = weights.get((fact.shares, fact.total), 0.0) + fact.weight
    edges = [(index, each) for index, block in enumerate(graph) for each in block.successors]
    edges += [(index, _END) for index, block in enumerate(graph) if block.may_end or not block.successors]
    leaving, entering = (
        np.array([[float(edge[end] == b) for edge in edges] for b in range(len(graph))]) for end in (0, 1)
    )
    shares = np.zeros((len(weights), len(graph)))
    for row, (pairs, _) in enumerate(weights):
        for index, share in pairs:
            shares[row, index] = share
    begun = np.eye(len(graph))[0]
    loops = _loops(edges)
    # What is sought: how often each edge is taken, then how much too little and how much too often each fact is met.
    beside = np.eye(len(weights))
    rows = np.block(
        [
            [leaving - entering, np.zeros((len(graph), 2 * len(weights)))],
            [loops, np.zeros((len(loops), 2 * len(weights)))],
            [shares @ leaving, beside, -beside],
        ]
    )
    totals = np.array([total for _, total in weights])
    solved = milp(
        np.r_[_costs(code, graph) @ leaving, np.tile(list(weights.values()), 2)],
        integrality=np.r_[np.full(len(edges), whole), np.zeros(2 * len(weights))],
        constraints=LinearConstraint(
            rows, np.r_[begun, np.zeros(len(loops)), totals], np.r_[begun, np.full(len(loops), np.inf), totals]
        ),
    )
    return [round(float(each), 6) for each in leaving @ solved.x[: len(edges)]]


def _loops(edges: Sequence[tuple[int, int]]) -> Array:
    """Rows that are not negative: nobody goes round in a loop that was not entered."""
    found = [
        [
            _MOST * (source not in inside) * (target in inside) - (source in inside) * (target in inside)
            for source, target in edges
        ]
        for inside in networkx.strongly_connected_components(networkx.DiGraph(edges))
        if 0 not in inside
    ]
    return np.array(found, float).reshape(len(found), len(edges))


def _costs(code: Code, graph: Sequence[BasicBlock]) -> Array:
    """What an execution of each block costs, where what is known leaves a choice."""
    masked = [each.is_predicated and each.access is not None for each in code]
    return np.array([_INSTRUCTION * (b.stop - b.start) + _MASK * sum(masked[b.start : b.stop]) for b in graph])
