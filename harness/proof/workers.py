"""Measures parts of a proof in several processes; each knows a part's kernel by its translation alone. No torch."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from harness.plumbing.processes import end_with_parent, uninterrupted
from harness.proof import measure, translate
from harness.proof.lines import End, NumberLine
from harness.proof.plan import Part, ProofPlan, Subject
from harness.proof.rows import ProofRow, Witness, judged
from harness.store.vocabulary import SCHEMA

Array = np.ndarray[Any, Any]
Outputs = Callable[[Array, End], Array]
_AT_ONCE = 2**15  # inputs: their truth and errors stay in a core's cache
_EMULATED_AT_ONCE = 2**18
_NAMES = {
    measure.NOT_ROUNDED: "not_correctly_rounded",
    measure.UNDECIDED: "undecided_in_fp64",
    measure.WRONG_SPECIAL: "wrong_specials",
    measure.DECREASES: "decreases",
    measure.FLUSHED: "flushed",
}


def measured(parts: Sequence[Part], plan: ProofPlan, processes: int) -> Generator[list[ProofRow], None, None]:
    """The rows of each part as it is finished. Leaving it early ends the processes.

    Raises what a part raises, and BrokenProcessPool where a process was killed.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, end_with_parent)
    todo = iter(parts)
    try:
        with uninterrupted():
            waiting = {pool.submit(measure_part, part, plan) for part in islice(todo, 2 * processes)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                waiting |= {pool.submit(measure_part, part, plan) for part in islice(todo, 1)}
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def measure_part(part: Part, plan: ProofPlan) -> list[ProofRow]:
    """The rows of a part."""
    outputs, at_once = _outputs_of(part.subject, plan.provider, plan.arch)
    line = part.subject.line
    first, end = part.binades[0] * line.each, (part.binades[-1] + 1) * line.each
    tallies = {binade: measure.Tally(line, part.subject.known) for binade in part.binades}
    for start in range(first, end, at_once):
        before = min(1, start)  # the output before tells whether the first is less than it
        stop = min(start + at_once, end)
        inputs = patterns_of(line, start - before, stop)
        found = outputs(inputs, part.end)
        for binade in range(start // line.each, -(-stop // line.each)):
            own_start, own_stop = max(start, binade * line.each), min(stop, (binade + 1) * line.each)
            own = slice(max(0, own_start - start + before - 1), own_stop - start + before)
            tallies[binade].add(inputs[own], found[own], own_start > 0)
    bound = plan.bounds_ulp[part.subject.dtype]
    return [_row(tally, part, binade, bound) for binade, tally in tallies.items()]


def patterns_of(line: NumberLine, first: int, end: int) -> Array:
    """The bits of the numbers from one place of the line up to another."""
    places = np.arange(first, end, dtype=np.int64)
    half = 1 << (line.bits - 1)
    patterns = np.where(places < half, 2 * half - 1 - places, places - half)
    return patterns.astype(np.uint32 if line.bits == 32 else np.uint16)


@lru_cache(maxsize=4)
def _outputs_of(subject: Subject, provider: str, arch: str) -> tuple[Outputs, int]:
    """(what computes a subject's outputs, for how many inputs at once)"""
    if subject.source is None:
        from harness.proof.kernel import Emulated

        return Emulated(provider, subject.op, subject.dtype, subject.known, arch), _EMULATED_AT_ONCE
    function = translate.compiled(subject.source)
    return lambda bits, end: translate.outputs(function, bits, end), _AT_ONCE


def _row(tally: measure.Tally, part: Part, binade: int, bound_ulp: float) -> ProofRow:
    counts = {name: int(tally.counts[kind]) for kind, name in _NAMES.items()}
    digits = part.subject.line.bits // 4

    def witness(found: tuple[int, int]) -> Witness:
        return Witness(*(f"{bits:0{digits}x}" for bits in found))

    return ProofRow(
        SCHEMA,
        part.subject.op,
        part.subject.dtype,
        part.subject.known,
        part.end,
        binade,
        tally.inputs,
        judged(tally.max_ulp, counts["wrong_specials"], bound_ulp),
        float(f"{tally.max_ulp:.7g}"),
        witness(tally.worst) if tally.worst is not None else None,
        outputs_sha256=tally.sha256,
        witnesses={_NAMES[kind]: witness(found) for kind, found in sorted(tally.witnesses.items())},
        **counts,
    )
