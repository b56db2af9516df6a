"""The numbers in docs/kernels.md, written anew from datasheets and machine code: python -m reports.page.inspection."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

from harness.device.datasheets import DATASHEETS
from harness.machine_code.pipes import pipe_of
from harness.machine_code.rows import Row
from harness.machine_code.survey import survey
from reports.render.markdown import counted, summarised
from reports.render.table import Table, numbers, to_markdown, words

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"
DTYPES = ("bfloat16", "float16", "float32")
_DEVICES = ("A100 SXM 80GB", "H100 SXM", "H200 SXM", "B200", "RTX 5090")
_MIXES = {"16 bits, forward": 4, "16 bits, backward": 6, "fp32, forward": 8, "fp32, backward": 12}  # bytes per element
_LANES = 128  # threads that the four schedulers of a multiprocessor issue for in a clock, on every NVIDIA GPU here


def slots() -> str:
    """Issue slots per element while memory streams at its peak, for a few devices."""
    columns = (*words("device"), *numbers(*(f"{name} ({size} B)" for name, size in _MIXES.items())))
    chosen = (each for each in DATASHEETS if each.name in _DEVICES)
    lines = tuple(
        (
            each.name,
            *(
                f"{each.multiprocessors * _LANES * each.clock_ghz * size / each.memory_gbps:.0f}"
                for size in _MIXES.values()
            ),
        )
        for each in chosen
    )
    return "\n".join(to_markdown(Table("", columns, lines))) + "\n"


def tables(rows: tuple[Row, ...]) -> str:
    """What the tool prints of the suite's kernels on sm_90: all dtypes side by side, and all counts of one."""
    version = importlib.metadata.version("triton")
    lines = [*summarised(rows), *counted([row for row in rows if row.dtype == DTYPES[0]])]
    return "\n".join([f"With Triton {version}:", *lines]) + "\n"


def example(rows: tuple[Row, ...]) -> str:
    """Every instruction that one thread of ELU's kernel for bfloat16 executes, by what it is."""
    (row,) = (each for each in rows if (each.op, each.variant, each.dtype) == ("elu", "unit", "bfloat16"))
    assert row.elements_per_thread is not None
    lines = [
        (f"`{opcode}`", f"{times:g}", f"{times / row.elements_per_thread:.2f}", pipe_of(opcode, row.arch))
        for opcode, times in row.opcodes.items()
    ]
    total = sum(row.opcodes.values())
    lines.append(("all", f"{total:g}", f"{total / row.elements_per_thread:.2f}", ""))
    elements = f"{row.elements_per_thread:g} elements"
    columns = (*words("instruction"), *numbers(f"in a thread ({elements})", "per element"), *words("pipe"))
    return "\n".join(to_markdown(Table("", columns, tuple(lines)))) + "\n"


def made(page: str, rows: tuple[Row, ...]) -> str:
    """The page with its parts in place of what was between their marks. Raises ValueError where marks are missing."""
    parts: dict[str, Callable[[], str]] = {
        "slots": slots,
        "example": lambda: example(rows),
        "tables": lambda: tables(rows),
    }
    for name, part in parts.items():
        begin, end = f"<!-- {name}: made by python -m reports.page.inspection -->\n", f"<!-- end of {name} -->"
        before, mark, rest = page.partition(begin)
        _, end_mark, after = rest.partition(end)
        if not mark or not end_mark:
            raise ValueError(f"{PAGE.name} has no place for its {name}: the marks around it are missing")
        page = f"{before}{begin}\n{part()}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8"), survey(["sm_90"], dtypes=DTYPES)), encoding="utf-8")
