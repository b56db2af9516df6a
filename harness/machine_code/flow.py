"""Control flow of machine code: which instructions a thread of a full block executes, which branches depend on data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx

from harness.machine_code.instructions import LOCAL, SHARED, MachineInstruction

Code = Sequence[MachineInstruction]


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
class Loop:
    """The blocks of a loop, all its ways back being to `header`."""

    header: int
    blocks: frozenset[int]


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
        found.append(BasicBlock(start, stop, tuple(dict.fromkeys(following)), last.ends or last.may_end))
    return found


def loops(graph: Sequence[BasicBlock]) -> list[Loop]:
    """The natural loops that can be reached, those with one header as one, outer ones first."""
    edges = _edges([block.successors for block in graph])
    reached = edges.subgraph(_reachable(edges, 0))
    dominator = networkx.immediate_dominators(reached, 0)
    found: dict[int, set[int]] = {}
    for latch, header in reached.edges:
        if _dominates(dominator, header, latch):
            found.setdefault(header, {header}).update(_body(reached, header, latch))
    return sorted((Loop(header, frozenset(body)) for header, body in found.items()), key=lambda loop: -len(loop.blocks))


def _edges(successors: Sequence[Sequence[int]]) -> networkx.DiGraph:
    return networkx.from_dict_of_lists(dict(enumerate(successors)), create_using=networkx.DiGraph)


def _dominates(dominator: Mapping[int, int | None], above: int, index: int) -> bool:
    """Whether every way from the first block to `index` passes `above`."""
    at: int | None = index
    while at != above:
        if not at:  # the first block, 0: networkx names it its own dominator, or none (3.6)
            return False
        at = dominator[at]
    return True


def _body(edges: networkx.DiGraph, header: int, latch: int) -> set[int]:
    """Everything that reaches the latch without the header."""
    if latch == header:
        return {header}
    inside = edges.subgraph(set(edges) - {header})
    return {header, latch, *networkx.ancestors(inside, latch)}


def _reachable(edges: networkx.DiGraph, first: int) -> set[int]:
    return {first, *networkx.descendants(edges, first)}


def is_passed_by(graph: Sequence[BasicBlock], loop: Loop) -> bool:
    """Whether there is a way from the first block to an end of the code that leaves the loop out."""
    if loop.header == 0:
        return False
    edges = _edges([block.successors for block in graph])
    return any(graph[index].may_end for index in _reachable(edges.subgraph(set(edges) - {loop.header}), 0))


def main_path(
    code: Code, graph: Sequence[BasicBlock], found: Sequence[Loop], diverging: frozenset[int], most_bytes: float
) -> set[int]:
    """The blocks that a warp of a full block executes.

    Where it may go two ways, or leave, it goes the one that moves more bytes, as long as they are no more than the
    `most_bytes` that a thread has to move; of those that are alike in this, the one with fewer masks, and then the
    longer one. Loops count once here. Where a branch depends on the data both ways count, since a warp whose threads
    part executes both.
    """
    onward = _without_ways_back(graph, found)
    edges = _edges(onward)
    path = _fullest(code, graph, onward, most_bytes)
    for index in sorted(path):
        if graph[index].stop - 1 in diverging:
            for following in onward[index]:
                path |= _until_met(edges, index, following)
    return path


def _without_ways_back(graph: Sequence[BasicBlock], found: Sequence[Loop]) -> list[list[int]]:
    """Successors in a graph without cycles: where a loop would go back, it goes on to where it can be left."""
    onward = []
    for index, block in enumerate(graph):
        following: list[int] = []
        for each in block.successors:
            closed = next((loop for loop in found if loop.header == each and index in loop.blocks), None)
            following += [each] if closed is None else _exits(graph, closed)
        onward.append(list(dict.fromkeys(following)))
    return onward


def _exits(graph: Sequence[BasicBlock], loop: Loop) -> list[int]:
    return [each for index in sorted(loop.blocks) for each in graph[index].successors if each not in loop.blocks]


# {bytes of global memory that a way moves: (accesses under a predicate, negative; instructions; its blocks)}, the
# best way for each number of bytes.
Ways = dict[int, tuple[int, int, frozenset[int]]]


def _fullest(code: Code, graph: Sequence[BasicBlock], onward: Sequence[Sequence[int]], most_bytes: float) -> set[int]:
    """The way from the first block to an end that `main_path` describes."""
    known: dict[int, Ways] = {}

    def ways(index: int) -> Ways:
        if index not in known:
            known[index] = _through(code, graph[index], index, [ways(each) for each in onward[index]])
        return known[index]

    found = ways(0)
    fitting = [moved for moved in found if moved <= most_bytes] or [min(found)]
    return set(found[max(fitting)][2])


def _through(code: Code, block: BasicBlock, index: int, onward: Sequence[Ways]) -> Ways:
    """The ways from a block on, given those from its successors on."""
    accesses = [each for each in code[block.start : block.stop] if each.access and each.access.space == "global"]
    here = sum(each.access.bytes for each in accesses if each.access)
    asked = sum(each.is_predicated for each in accesses)
    found: Ways = {}
    nowhere: Ways = {0: (0, 0, frozenset())}
    for following in (*onward, nowhere) if block.may_end or not onward else onward:
        for moved, (masks, length, blocks) in following.items():
            way = (masks - asked, length + block.stop - block.start, blocks | {index})
            if moved + here not in found or way[:2] > found[moved + here][:2]:
                found[moved + here] = way
    return found


def _until_met(edges: networkx.DiGraph, branch: int, first: int) -> set[int]:
    """What lies on ways from `first` before all ways from `branch` have met again."""
    meeting = set.intersection(*(_reachable(edges, each) for each in edges[branch]))
    return _reachable(edges, first) - meeting


def data_dependent(code: Code, graph: Sequence[BasicBlock]) -> frozenset[int]:
    """The places of branches whose condition was computed from what was loaded from global memory."""
    entering: list[set[str]] = [set() for _ in graph]
    found: set[int] = set()
    todo = [0]
    visited: set[int] = set()
    while todo:
        index = todo.pop()
        known = set(entering[index])
        for place in range(graph[index].start, graph[index].stop):
            each = code[place]
            is_tainted = each.brings_data or not known.isdisjoint(each.reads)
            if is_tainted:
                known |= each.writes
                if each.target is not None:
                    found.add(place)
            elif not each.is_predicated:
                known -= each.writes - {SHARED, LOCAL}
        visited.add(index)
        for following in graph[index].successors:
            if following not in visited or not known <= entering[following]:
                entering[following] |= known
                todo.append(following)
    return frozenset(found)
