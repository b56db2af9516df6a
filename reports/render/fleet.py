"""The tables of a run on several devices: the devices themselves, and each model's rows under its name.

Of a run on one device these are the tables of `reports.render.run_tables`, as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.store.records import Run
from reports.analysis.fleet import by_model, checked
from reports.analysis.summary import TimedGroup, groups
from reports.render.run_tables import NOT_MEASURED, SPEEDUPS, WORKLOADS, speedup_table, untimed_table, workload_table
from reports.render.table import Column, Kind, Table, numbers, sections, words
from reports.text.formatting import MISSING, percent, significant

DEVICES = (
    "devices: what each attains on one and the same stream, and the verdict on its time against that of the fastest of "
    "its model; results of different models are not pooled"
)
_DEVICE = "device"
_STYLES = {"slower": "bold red"}


def device_table(run: Run, title: str = DEVICES) -> Table:
    """The physical devices of a fleet, those of one model held against each other; no row for a run on one device."""
    found = checked(run)
    identifier = "UUID" if any(each.member.placement.uuid for each in found) else "Ray's node"
    columns = (
        Column(_DEVICE, Kind.NAME, longest=20),
        Column("model", Kind.NAME, goes=1),
        *words("node", identifier, kind=Kind.NAME),
        Column("driver", Kind.NAME, goes=2),
        *numbers("cases", "GB/s", "%fastest"),
        Column("verdict", Kind.WORD, styles=_STYLES),
    )
    rows = tuple(
        (
            each.name,
            each.member.device.name,
            each.member.placement.node,
            each.member.placement.uuid or (each.member.placement.ray_node or "")[:8],
            each.member.placement.driver or MISSING,
            str(each.cases),
            significant(each.member.check.gbps) if each.member.check else MISSING,
            percent(each.share, 1),
            (each.verdict or "fastest") if each.fastest else MISSING,
        )
        for each in found
    )
    streams = dict.fromkeys(each.member.check.stream for each in found if each.member.check)
    notes = tuple(f"stream: {stream}" for stream in streams)
    starts = sections(each.member.device.name for each in found)
    made = Table(title, columns, rows, notes if rows else (), sections=starts)
    return made.without_empty(identifier, "driver", "GB/s", "%fastest", "verdict")


def speedups(run: Run, timed: Sequence[TimedGroup], title: str = SPEEDUPS) -> Table:
    """Each provider's mean in each op; `timed` are the run's groups."""
    whole = len(by_model(run)) == 1
    return _each_model(run, title, lambda part: speedup_table(timed if whole else groups(part), title))


def workloads(run: Run, title: str = WORKLOADS) -> Table:
    """Each provider's time for all ELUs of each model of nets."""
    return _each_model(run, title, lambda part: workload_table(part, title))


def validated(run: Run, title: str | None = None) -> Table:
    """What was found right, and not timed."""
    return _each_model(run, title, lambda part: untimed_table(part, validated=True, title=title))


def not_measured(run: Run, title: str | None = NOT_MEASURED) -> Table:
    """What was neither timed nor validated."""
    return _each_model(run, title, lambda part: untimed_table(part, validated=False, title=title))


def _each_model(run: Run, title: str | None, make: Callable[[Run], Table]) -> Table:
    """The tables of the models below each other, the model in the first column; that of the run, where it has one."""
    parts = by_model(run)
    if len(parts) == 1:
        return make(run)
    made = [(part.manifest.device.name, make(part)) for part in parts]
    made = [(model, each) for model, each in made if each.rows]
    if not made:
        return Table("", (), ())
    columns = _together([each.columns for _, each in made])
    rows: list[tuple[str, ...]] = []
    starts: set[int] = set()
    for model, each in made:
        starts |= {len(rows) + place for place in (*each.sections, 0)} - {0}
        for row in each.rows:
            cells = {column.name: cell for column, cell in zip(each.columns, row, strict=True)}
            rows.append((model, *(cells.get(column.name, "") for column in columns)))
    shared = Column(_DEVICE, Kind.NAME, is_shared=True, longest=20)
    notes = tuple(dict.fromkeys(note for _, each in made for note in each.notes))
    title = made[0][1].title if title is None else title
    return Table(title, (shared, *columns), tuple(rows), notes, sections=frozenset(starts))


def _together(tables: Sequence[tuple[Column, ...]]) -> list[Column]:
    """The columns of several tables, each once: one that says nothing of a model is left out of that model's table."""
    found: list[Column] = []
    for columns in tables:
        place = 0
        for column in columns:
            names = [each.name for each in found]
            if column.name not in names:
                found.insert(place, column)
                names.insert(place, column.name)
            place = names.index(column.name) + 1
    return found
