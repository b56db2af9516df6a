"""The row of `elubench inspect`: one kernel on one architecture. Imports no torch.

Everything here is read from machine code or derived from it and a datasheet: it is modelled, never measured.
A run keeps the rows of its kernels in `inspect.json` beside its records (`keep`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.device.datasheets import by_driver_name
from harness.store.lines import Decoder, write_whole
from harness.store.records import Run
from harness.store.vocabulary import INSPECTION, RunError

TRANSACTION_BYTES = 32  # a sector: what memory transactions are counted in


@dataclass(frozen=True)
class Ceiling:
    """What one device allows the kernel, were its pipes always busy: an upper bound, not a forecast.

    `limits` has, for each resource, the fraction of the memory's peak that the kernel would reach if nothing
    else limited it ("issue", "fma", "alu", "mufu", …, "latency"); "memory" itself is 1. The least of them binds.
    """

    device: str  # "H100 SXM", …
    peak_gbps: float  # the datasheet's memory peak, 1e9 bytes per second
    issue_gips: float  # 1e9 warp instructions per second that all schedulers together can issue
    limits: dict[str, float]

    @property
    def bound_by(self) -> str:
        return min(self.limits, key=lambda name: self.limits[name])

    @property
    def fraction(self) -> float:
        return min(self.limits.values())


@dataclass(frozen=True)
class InspectedRow:
    """One kernel of one op, specialised for a dtype and parameters, compiled for an architecture.

    Counts are per element of the op's main tensor: everything that the threads of a full block execute, from the
    first instruction to EXIT, loop bodies as often as they run. `is_executed`: the emulated GPU executed such a block,
    and the counts are of that; where it could not, they are of what the launch has to move, and a note says why. Where
    a kernel could not be compiled, `reason` says why and what was to be counted is None.

    The instruction roofline (Ding & Williams, PMBS 2019) plots `warp_instructions_per_transaction` against
    billions of warp instructions per second: a ceiling's `issue_gips` is its flat roof, and `peak_gbps` / 32
    transactions per second is the slope of the other.
    """

    op: str
    variant: str  # which specialisation: "unit", "general", "result unit", "last general", …
    dtype: str
    arch: str  # "sm_90", "gfx942", …
    provider: str = "triton"  # or the name of a provider's file
    kernel: str | None = None  # the name of the Triton function
    role: str = "main"  # "main" writes the op's main output; "stage2" is a small pass beside it
    reason: str | None = None  # why there are no numbers
    is_executed: bool = False
    instructions_per_element: float | None = None
    pipes: dict[str, float] = field(default_factory=dict)  # instructions per element by pipe; see pipelines.py
    opcodes: dict[str, float] = field(default_factory=dict)  # executed instructions per thread, most frequent first
    load_bytes: int | None = None  # width of the narrowest global load that the main tensors need
    store_bytes: int | None = None  # width of the narrowest global store that the main tensor needs
    load_widths: dict[str, float] = field(default_factory=dict)  # executed loads per thread by width, all of them
    store_widths: dict[str, float] = field(default_factory=dict)
    registers: int | None = None  # per thread
    spills: int | None = None  # instructions on the way of a full block that read or write local memory
    local_bytes: int | None = None  # stack and local memory per thread, which only the last block may use
    shared_bytes: int | None = None  # per block
    load_sectors: float | None = None  # of 32 bytes, that a warp's global load asks for, in the mean; width is perfect
    store_sectors: float | None = None
    bank_conflicts: float | None = None  # extra passes through shared memory over the fewest; None where it has none
    active_threads: float | None = None  # of 32, in the mean over the instructions that a warp executes
    branches: int | None = None  # at which threads of a warp parted in the executed block
    uniform_branches: float | None = None  # executed branches per thread at which they did not
    threads: int | None = None  # per block
    programs: int | None = None  # blocks that the case launches
    elements_per_thread: float | None = None
    occupancy: float | None = None  # resident warps over the most that fit
    bytes_per_element: float | None = None  # the fewest the op can move: each input read once, each output written
    traffic_per_element: float | None = None  # global bytes that the code's loads and stores ask for
    warp_instructions_per_transaction: float | None = None  # of 32 bytes of `bytes_per_element`
    bound_by: str | None = None  # what binds on the first device of `ceilings`
    modelled_peak_fraction: float | None = None  # of that device's memory peak; at most 1
    ceilings: tuple[Ceiling, ...] = ()  # one for each device of the architecture in the datasheets; see on_device
    notes: tuple[str, ...] = ()  # what was assumed in counting, in sentences


def totals(rows: Iterable[InspectedRow]) -> dict[tuple[str, str, str, str, str], float]:
    """{(arch, op, variant, dtype, provider): instructions per element}, all launches of the op together."""
    found: dict[tuple[str, str, str, str, str], float] = {}
    for row in rows:
        if row.instructions_per_element is not None:
            key = (row.arch, row.op, row.variant, row.dtype, row.provider)
            found[key] = found.get(key, 0.0) + row.instructions_per_element
    return found


def to_json(rows: Iterable[InspectedRow]) -> str:
    """The rows as a JSON list."""
    plain = [dataclasses.asdict(row) for row in rows]
    for row in plain:
        for ceiling in row["ceilings"]:
            each = Ceiling(**ceiling)
            ceiling |= {"bound_by": each.bound_by, "fraction": each.fraction}
    return json.dumps(plain, indent=1, allow_nan=False, ensure_ascii=False)


_rows = Decoder(tuple[InspectedRow, ...])


def from_json(text: bytes) -> tuple[InspectedRow, ...]:
    """The rows of a JSON list. Raises ValueError where it is not one of rows."""
    return _rows(text)


def rows_of(run: Run) -> tuple[InspectedRow, ...]:
    """The rows that a run keeps, held against the run's own device where that has a datasheet. Raises RunError."""
    return on_device(read_rows(run.path), run.manifest.device.name)


def on_device(rows: Iterable[InspectedRow], driver_name: str) -> tuple[InspectedRow, ...]:
    """The rows with the ceiling of the device that the driver calls so first; unchanged where they have none of it."""
    sheet = by_driver_name(driver_name)
    return tuple(_with_first(row, sheet.name) for row in rows) if sheet else tuple(rows)


def _with_first(row: InspectedRow, device: str) -> InspectedRow:
    own = next((each for each in row.ceilings if each.device == device), None)
    if own is None:
        return row
    others = (each for each in row.ceilings if each is not own)
    return dataclasses.replace(row, bound_by=own.bound_by, modelled_peak_fraction=own.fraction, ceilings=(own, *others))


def keep_rows(run: Path, rows: Iterable[InspectedRow]) -> None:
    """Write the rows beside the records of a run, whole or not at all. Raises RunError."""
    write_whole(Path(run) / INSPECTION, to_json(rows))


def read_rows(run: Path) -> tuple[InspectedRow, ...]:
    """The rows that a run keeps; none where it has not been inspected. Raises RunError."""
    path = Path(run) / INSPECTION
    try:
        return from_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); make it anew with 'elubench inspect --json'") from None
