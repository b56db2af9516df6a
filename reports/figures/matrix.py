"""Speed-ups over the baseline as a matrix of dtype × size: the data of the heat map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.timing.estimators import Ratio, geometric_mean, geometric_mean_ratio
from reports.analysis.ratios import BASELINE
from reports.analysis.summary import TimedGroup, TimedRow
from reports.figures.naming import dtype_order, variant_text
from reports.text.formatting import size_text

MOST_COLUMNS = 16
MOST_ROWS = 16
_ARROWS = {"faster": "▲", "slower": "▼", "same": "=", "mixed": "±"}


@dataclass(frozen=True)
class Cell:
    """One case, or the geometric mean of `cases` of about the same size."""

    speedup: Ratio
    verdict: str  # as of harness.timing.estimators, or "mixed"
    is_valid: bool  # no mark on it
    cases: int


@dataclass(frozen=True)
class Matrix:
    """A provider's speed-ups in one op. Rows are dtypes with their variants, columns sizes going up."""

    op: str
    provider: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]

    @property
    def mean(self) -> float:
        """Geometric, over the cells."""
        return geometric_mean([cell.speedup.ratio for cell in self.cells.values()])


def matrices(timed: Iterable[TimedGroup]) -> list[Matrix]:
    """A matrix for each op, in the order of the run, and provider, the fastest first.

    A warm cache's cases are rows of their own.
    """
    found: dict[tuple[str, str], list[tuple[TimedGroup, TimedRow]]] = {}
    for group in timed:
        for row in group.rows:
            if row.speedup is not None and row.record.provider != BASELINE and group.regime != "host":
                found.setdefault((group.op, row.record.provider), []).append((group, row))
    groups = {id(group): group for rows in found.values() for group, _ in rows}
    variants = {key: variant_text(group) for key, group in groups.items()}  # of many groups, and asked for often
    made = [_matrix(op, provider, rows, variants) for (op, provider), rows in found.items()]
    ops = list(dict.fromkeys(op for op, _ in found))
    return sorted(made, key=lambda each: (ops.index(each.op), -each.mean, each.provider))


def _matrix(
    op: str, provider: str, found: Sequence[tuple[TimedGroup, TimedRow]], variants: Mapping[int, str]
) -> Matrix:
    """`variants` are the groups' texts, by their ids."""
    row_of = {id(group): "  ".join(filter(None, (group.dtype, variants[id(group)]))) for group, _ in found}
    ordered = sorted(found, key=lambda each: (dtype_order(each[0].dtype), variants[id(each[0])]))
    rows = list(dict.fromkeys(row_of[id(group)] for group, _ in ordered))[:MOST_ROWS]
    by_size = sorted((row.record for _, row in found), key=lambda record: (record.elements, record.shape))
    names = {record.shape: size_text(record.shape) for record in by_size}
    if len(names) > MOST_COLUMNS:
        names = {shape: _rounded(record.elements) for record in by_size for shape in [record.shape]}
    columns = list(dict.fromkeys(names.values()))
    cells: dict[tuple[str, str], list[TimedRow]] = {}
    for group, row in found:
        cells.setdefault((row_of[id(group)], names[row.record.shape]), []).append(row)
    kept = {key: _cell(each) for key, each in cells.items() if key[0] in rows}
    return Matrix(op, provider, tuple(rows), tuple(columns), kept)


def _rounded(elements: int) -> str:
    power = max(0, elements.bit_length() - 1)
    return "2" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(power))


def _cell(rows: Sequence[TimedRow]) -> Cell:
    verdicts = {row.verdict or "undecided" for row in rows}
    return Cell(
        speedup=geometric_mean_ratio([row.speedup for row in rows if row.speedup is not None]),
        verdict=verdicts.pop() if len(verdicts) == 1 else "mixed",
        is_valid=not any(row.record.doubts for row in rows),
        cases=len(rows),
    )


def cell_text(cell: Cell) -> str:
    """A speed-up with the sign of its verdict, in brackets where the row is marked."""
    text = f"{_ARROWS.get(cell.verdict, '')} {cell.speedup.ratio:.2f}".strip()
    return text if cell.is_valid else f"({text})"
