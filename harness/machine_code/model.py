"""Makes a row from instructions: counts per element, and the ceilings that datasheets give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.device.datasheets import Datasheet, of_arch
from harness.emulator.counts import Counts
from harness.machine_code import frequencies, known, pipelines
from harness.machine_code.instructions import MachineInstruction
from harness.machine_code.known import Execution
from harness.machine_code.occupancy import LIMITS, resident_warps
from harness.machine_code.rows import TRANSACTION_BYTES, Ceiling, InspectedRow


@dataclass(frozen=True)
class LaunchWork:
    """What a launch has to do, whatever its code: what counts are divided by."""

    elements: int  # of the op's main tensor
    threads: int  # of all programs together
    stored_bytes: int  # by the launch
    loaded_bytes: int
    main_stored_bytes: int  # of them, those of tensors as large as the main one
    main_loaded_bytes: int


@dataclass(frozen=True)
class ThreadCounts:
    """What one thread executes: (instruction, how often) in the order of the code."""

    executed: tuple[tuple[MachineInstruction, float], ...]
    parting: int | None  # branches at which threads of a warp parted; None where nothing was executed

    @property
    def instructions(self) -> float:
        return sum(times for _, times in self.executed)

    @property
    def opcodes(self) -> dict[str, float]:
        found: Counter[str] = Counter()
        for each, times in self.executed:
            found[each.opcode] += times  # type: ignore[assignment]
        return dict(found.most_common())

    def widths(self, *, is_store: bool) -> dict[int, float]:
        """Executed global loads or stores by their width in bytes, widest first."""
        found: Counter[int] = Counter()
        for each, times in self.executed:
            if each.access and each.access.space == "global" and each.access.is_store == is_store:
                found[each.access.bytes] += times  # type: ignore[assignment]
        return dict(sorted(found.items(), reverse=True))


def count(code: Sequence[MachineInstruction], work: LaunchWork, run: Execution | None = None) -> ThreadCounts:
    """What a thread of a full block executes, from the first instruction to the last one.

    A predicated instruction is executed: it takes its turn whether or not its predicate holds. Without a `run` of the
    kernel a thread goes the way with the fewest instructions that moves what it has to.
    """
    graph = frequencies.blocks(code)
    if run is None:
        facts = list(known.from_bytes(code, graph, work.stored_bytes / work.threads, work.loaded_bytes / work.threads))
        whole = True
    else:
        facts = known.from_execution(code, graph, run)
        whole = all(float(fact.total).is_integer() for fact in facts)
    times = frequencies.times(code, graph, facts, whole=whole)
    executed = [
        (place, often)
        for block, often in zip(graph, times, strict=True)
        for place in range(block.start, block.stop)
        if often
    ]
    parting = None
    if run is not None:
        parts = run.counts.parting_lines
        parting = sum(code[place].target is not None and run.lines[place] in parts for place, _ in executed)
    return ThreadCounts(tuple((code[place], often) for place, often in executed), parting)


def narrowest(widths: dict[int, float], bytes_per_thread: float) -> int | None:
    """The width of the narrowest access among those that move the main tensors, the widest taken first.

    A bias or a partial sum may be narrower: they are what is left when the main tensors are through.
    """
    moved, least = 0.0, None
    for width, times in sorted(widths.items(), reverse=True):
        if moved >= 0.99 * bytes_per_thread:
            break
        least = width
        moved += width * times
    return least


def _unknown(counts: ThreadCounts, arch: str) -> list[str]:
    names = {each.opcode for each, _ in counts.executed if pipelines.pipe_of(each.opcode, arch) == "other"}
    return [f"{', '.join(sorted(names))}: the pipe is not known, so it costs issue alone."] if names else []


def by_pipe(counts: ThreadCounts, work: LaunchWork, arch: str) -> dict[str, float]:
    """Instructions per element by pipe, those that none of are left out, and "issue" for all of them."""
    found: Counter[str] = Counter()
    for each, times in counts.executed:
        found[pipelines.pipe_of(each.opcode, arch)] += times  # type: ignore[assignment]
    per_element = work.threads / work.elements
    named = {name: found[name] * per_element for name in pipelines.PIPES if found[name]}
    return {"issue": counts.instructions * per_element, **named}


def ceilings(
    counts: ThreadCounts, work: LaunchWork, arch: str, bytes_per_element: float, occupancy: float
) -> tuple[Ceiling, ...]:
    """What every device of the architecture allows."""
    return tuple(_ceiling(each, counts, work, arch, bytes_per_element, occupancy) for each in of_arch(arch))


def _ceiling(
    sheet: Datasheet, counts: ThreadCounts, work: LaunchWork, arch: str, bytes_per_element: float, occupancy: float
) -> Ceiling:
    clocks_per_second = sheet.multiprocessors * sheet.clock_ghz * 1e9
    limits = {"memory": 1.0}
    for unit, per_thread in _clocks(counts, arch).items():
        if per_thread == 0:  # only in a loop without a trip
            continue
        elements_per_second = clocks_per_second / (per_thread * work.threads / work.elements)
        limits[unit] = elements_per_second * bytes_per_element / (sheet.memory_gbps * 1e9)
    if sheet.latency_clocks and counts.widths(is_store=False):
        limits["latency"] = _latency_limit(sheet, counts, work, arch, bytes_per_element, occupancy)
    warp_size = LIMITS[arch].warp_size
    issue_gips = clocks_per_second * pipelines.RATES[arch]["issue"] / warp_size / 1e9
    return Ceiling(sheet.name, sheet.memory_gbps, issue_gips, limits)


def _clocks(counts: ThreadCounts, arch: str) -> dict[str, float]:
    """Clocks of each unit of a multiprocessor that one thread takes."""
    taken: Counter[str] = Counter()
    for each, times in counts.executed:
        width = each.access.bytes if each.access else None
        for unit, clocks in pipelines.clocks(each.opcode, arch, width).items():
            taken[unit] += clocks * times  # type: ignore[assignment]
    return dict(taken)


def _latency_limit(
    sheet: Datasheet, counts: ThreadCounts, work: LaunchWork, arch: str, bytes_per_element: float, occupancy: float
) -> float:
    """Little's law: resident threads, each with the loads of one way through its code under way, over the latency."""
    assert sheet.latency_clocks is not None
    limits = LIMITS[arch]
    under_way = sum(
        each.access.bytes
        for each, _ in counts.executed
        if each.access and each.access.space == "global" and not each.access.is_store
    )
    loaded = sum(width * times for width, times in counts.widths(is_store=False).items())
    threads = occupancy * limits.warps * limits.warp_size
    loaded_gbps = sheet.multiprocessors * threads * under_way / sheet.latency_clocks * sheet.clock_ghz
    of_all_bytes = loaded * work.threads / work.elements / bytes_per_element
    return loaded_gbps / of_all_bytes / sheet.memory_gbps


def row(
    blank: InspectedRow, code: Sequence[MachineInstruction], work: LaunchWork, bytes_per_element: float,
    *, threads: int, programs: int, registers: int, local_bytes: int, shared_bytes: int, run: Execution | None = None,
) -> InspectedRow:  # fmt: skip
    """`blank` with all that the code and a run of it say; threads, registers and memory are per block or thread."""
    return row_of(
        blank, count(code, work, run), work, bytes_per_element, threads=threads, programs=programs,
        registers=registers, local_bytes=local_bytes, shared_bytes=shared_bytes, accesses=run.counts if run else None,
    )  # fmt: skip


def row_of(
    blank: InspectedRow, counts: ThreadCounts, work: LaunchWork, bytes_per_element: float,
    *, threads: int, programs: int, registers: int, local_bytes: int, shared_bytes: int, accesses: Counts | None,
    active_threads: float | None = None,
) -> InspectedRow:  # fmt: skip
    """The same of what a thread executes. `active_threads` of a warp, where it is not as the accesses' counts say."""
    arch, warp_size = blank.arch, LIMITS[blank.arch].warp_size
    per_element = work.threads / work.elements
    instructions = counts.instructions * per_element
    loads, stores = counts.widths(is_store=False), counts.widths(is_store=True)
    moved = sum(width * times for widths in (loads, stores) for width, times in widths.items())
    occupancy = resident_warps(arch, threads, registers, shared_bytes) / LIMITS[arch].warps
    made = ceilings(counts, work, arch, bytes_per_element, occupancy)
    branches = sum(times for each, times in counts.executed if each.target is not None)
    return replace(
        blank,
        instructions_per_element=instructions,
        pipes=by_pipe(counts, work, arch),
        opcodes=counts.opcodes,
        load_bytes=narrowest(loads, work.main_loaded_bytes / work.threads),
        store_bytes=narrowest(stores, work.main_stored_bytes / work.threads),
        load_widths={str(width): times for width, times in loads.items()},
        store_widths={str(width): times for width, times in stores.items()},
        registers=registers,
        spills=sum(each.access is not None and each.access.space == "local" for each, _ in counts.executed),
        local_bytes=local_bytes,
        shared_bytes=shared_bytes,
        branches=counts.parting,
        uniform_branches=branches - (counts.parting or 0),
        threads=threads,
        programs=programs,
        elements_per_thread=1 / per_element,
        occupancy=occupancy,
        bytes_per_element=bytes_per_element,
        traffic_per_element=moved * per_element,
        warp_instructions_per_transaction=instructions / warp_size / (bytes_per_element / TRANSACTION_BYTES),
        bound_by=made[0].bound_by,
        modelled_peak_fraction=made[0].fraction,
        ceilings=made,
        notes=(*blank.notes, *_unknown(counts, arch)),
        **(_of_accesses(accesses, active_threads) if accesses else {}),
    )


def _of_accesses(counts: Counts, active_threads: float | None) -> dict[str, Any]:
    """What the accesses of an executed block were: sectors of one, wavefronts over the fewest, threads in a warp."""

    def sectors(kind: str) -> float | None:
        found = [each for each in counts.accesses if each.space == "global" and each.kind == kind]
        return sum(each.sectors for each in found) / sum(each.requests for each in found) if found else None

    least = sum(each.least_wavefronts for each in counts.accesses)
    return {
        "is_executed": True,
        "load_sectors": sectors("load"),
        "store_sectors": sectors("store"),
        "bank_conflicts": sum(each.bank_conflicts for each in counts.accesses) / least if least else None,
        "active_threads": active_threads or counts.active_threads_per_warp,
    }
