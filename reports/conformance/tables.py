"""A table of conformance as tables: who passes what, each fail with its witness, the largest errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.conformance.rows import Conformance, ConformRow, RowStatus
from harness.ops.op import SHORT_DTYPES
from reports.render.table import Column, Kind, Table, numbers, sections, show, words
from reports.text.formatting import MISSING, printable, significant

TITLE = "Who computes ELU right"
EVERY = "every 16-bit input"
_STYLES = {"FAIL": "bold red", "pass": "green"}


def overview(found: Conformance) -> Table:
    """A line for each check, a column for each provider that offers anything; how many of each stand below."""
    offering = [name for name in found.providers if _of(found, name, RowStatus.PASS, RowStatus.FAIL)]
    checks = list(dict.fromkeys((row.op, row.check, row.demand) for row in found.rows))
    columns = (
        Column("op", Kind.WORD, is_shared=True),
        Column("check", Kind.PROSE),
        Column("asked", Kind.PROSE, goes=1),
        *(Column(name, Kind.WORD, styles=_STYLES) for name in offering),
    )
    by_cell = defaultdict(list)
    for row in found.rows:
        by_cell[row.provider, row.op, row.check].append(row)
    rows = tuple(
        (op, check, asked, *(_cell(by_cell[name, op, check]) for name in offering)) for op, check, asked in checks
    )
    notes = (
        f"FAIL: in the dtypes named, or in all that are offered; {MISSING}: not offered.",
        "What launches Triton kernels (triton, inductor, maybe a file) is run by the GPU where there is one, else, as "
        "compiled for sm_90, by the emulated GPU.",
        *(f"{name}: {_count(found, name)}" for name in found.providers),
    )
    return Table("", columns, rows, notes, sections=sections(op for op, *_ in checks))


def _of(found: Conformance, provider: str, *statuses: RowStatus) -> list[ConformRow]:
    return [row for row in found.of(*statuses) if row.provider == provider]


def _cell(rows: Sequence[ConformRow]) -> str:
    """Of one provider and check, in all dtypes."""
    offered = [row for row in rows if row.status is not RowStatus.NOT_OFFERED]
    fails = [row for row in offered if row.status is RowStatus.FAIL]
    if not offered:
        return MISSING
    named = fails or offered
    narrower = len(fails) < len(offered) if fails else len(offered) < len(rows)
    dtypes = f" {' '.join(SHORT_DTYPES[row.dtype] for row in named)}" if narrower else ""
    return f"{'FAIL' if fails else 'pass'}{dtypes}"


def _count(found: Conformance, provider: str) -> str:
    counts = (f"{len(rows)} {each.value}" for each in RowStatus if (rows := _of(found, provider, each)))
    return ", ".join(counts)


def witnesses(rows: Iterable[ConformRow], title: str = "") -> Table:
    """Rows with their witnesses."""
    listed = list(rows)
    columns = (
        Column("provider", Kind.NAME, is_shared=True),
        Column("op", Kind.WORD, is_shared=True, goes=1),
        Column("check", Kind.PROSE),
        *words("dtype"),
        Column("", Kind.WORD, styles={"fail": "bold red", "pass": "green"}),
        *numbers("input", "got", "true"),
        Column("ULP", goes=2),
        Column("note", Kind.PROSE, goes=3),
    )
    cells = tuple(
        (
            row.provider, row.op, row.check, SHORT_DTYPES[row.dtype], row.status.value, row.input or "",
            row.got or "", row.true or "", "" if row.max_ulp is None else significant(row.max_ulp), row.note or "",
        )
        for row in listed
    )  # fmt: skip
    return Table(title, columns, cells, sections=sections(row.provider for row in listed))


def largest(found: Conformance) -> Table:
    """The largest error over all 16-bit inputs, and where."""
    rows = [row for row in found.of(RowStatus.PASS, RowStatus.FAIL) if row.check == EVERY]
    return witnesses(rows).without("check", "note")


def refusals(found: Conformance) -> Iterator[tuple[str, str]]:
    """Each provider and why it does not offer something, each reason once."""
    yield from dict.fromkeys((row.provider, row.note or "") for row in found.of(RowStatus.NOT_OFFERED))


def header(found: Conformance) -> Iterator[str]:
    """What was checked, on what, with what: a line each."""
    commit = f", commit {found.git.commit[:10]}" if found.git and found.git.commit else ""
    yield f"on {found.device}"
    yield f"elubench {found.elubench or MISSING}{commit}; {found.created}"
    versions = found.versions
    known = {"torch": versions.torch, "triton": versions.triton} if versions else {}
    known |= found.libraries
    yield ", ".join(f"{name} {version}" for name, version in known.items() if version)


def print_to(found: Conformance, console: Console) -> None:
    """Print a table of conformance; nothing is taken for markup or control codes."""
    for line in (TITLE, *header(found)):
        console.print(Text(printable(line)))
    show(overview(found), console)
    fails = found.of(RowStatus.FAIL)
    if fails:
        show(witnesses(fails, "Fails").without(""), console)
    for row in fails:
        console.print()
        console.print(Text(printable(f"{row.provider}, {row.op}: {row.check}, {row.dtype}"), style="bold"))
        for line in row.reproduce:  # as they are, to be copied
            console.print(Text(printable(line, 2000)), soft_wrap=True)
    reasons = tuple(f"{provider}: {reason}" for provider, reason in refusals(found))
    if reasons:
        show(Table("Not offered", (), (), reasons), console)


# What is said of those that fail a check, by how the check's name begins.
_FINDINGS = {
    "near 0⁻": "Near 0⁻, where ELU is about x, the result is 0 or has lost most digits in {}.",
    "subnormals": "Subnormal numbers become 0, or lose digits, in {}.",
    "input_scale ≠ 1": "input_scale multiplies more than the argument of the exponential in {}.",
    "far below 0": "The gradient far below 0 is 0 or has lost digits in {}.",
    "in place, ": "The gradient of ELU in place is wrong in silence, where a parameter is negative, in {}.",
}


def sentence(found: Conformance) -> str:
    """What was found, in a few sentences."""
    judged = [name for name in found.providers if _of(found, name, RowStatus.PASS, RowStatus.FAIL)]
    clean = [name for name in judged if not _of(found, name, RowStatus.FAIL)]
    passing = f"{_listed(clean)} {'pass all that they offer' if len(clean) > 1 else 'passes all that it offers'}"
    said = [f"Of {len(judged)} providers on {found.device}, {passing if clean else 'none passes all that it offers'}."]
    for beginning, text in _FINDINGS.items():
        failing = {
            name: dict.fromkeys(SHORT_DTYPES[row.dtype] for row in rows)
            for name in judged
            if (rows := [row for row in _of(found, name, RowStatus.FAIL) if row.check.startswith(beginning)])
        }
        if failing:
            said.append(text.format(_listed([f"{name} ({', '.join(dtypes)})" for name, dtypes in failing.items()])))
    return " ".join(said)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
