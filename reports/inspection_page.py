"""The numbers in docs/kernels.md, written anew from datasheets and machine code: python -m reports.inspection_page."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from harness.datasheets import DATASHEETS
from harness.inspect.rows import Row
from harness.inspect.survey import survey
from reports.markdown import counted, summarised, table

PAGE = Path(__file__).parents[1] / "docs" / "kernels.md"
DTYPES = ("bfloat16", "float16", "float32")
_DEVICES = ("A100 SXM 80GB", "H100 SXM", "H200 SXM", "B200", "RTX 5090")
_MIXES = {"16 bits, forward": 4, "16 bits, backward": 6, "fp32, forward": 8, "fp32, backward": 12}  # bytes per element
_LANES = 128  # threads that the four schedulers of a multiprocessor issue for in a clock, on every NVIDIA GPU here


def slots() -> str:
    """Issue slots per element while memory streams at its peak, for a few devices."""
    head = ("device", *(f">{name} ({size} B)" for name, size in _MIXES.items()))
    chosen = (each for each in DATASHEETS if each.name in _DEVICES)
    lines = (
        (
            each.name,
            *(
                f"{each.multiprocessors * _LANES * each.clock_ghz * size / each.memory_gbps:.0f}"
                for size in _MIXES.values()
            ),
        )
        for each in chosen
    )
    return "\n".join(table(head, lines)) + "\n"


def tables(rows: tuple[Row, ...]) -> str:
    """What the tool prints of the suite's kernels on sm_90: all dtypes side by side, and all counts of one."""
    version = importlib.metadata.version("triton")
    lines = [*summarised(rows), *counted([row for row in rows if row.dtype == DTYPES[0]])]
    return "\n".join([f"With Triton {version}:", *lines]) + "\n"


def made(page: str, rows: tuple[Row, ...]) -> str:
    """The page with both parts in place of what was between their marks."""
    for name, part in (("slots", slots()), ("tables", tables(rows))):
        page, count = re.subn(
            rf"(<!-- {name}: made by [^>]*-->\n).*?(<!-- end of {name} -->)",
            lambda marks, part=part: f"{marks[1]}\n{part}\n{marks[2]}",  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"{PAGE.name} has {count} places for its {name}; it has to have one")
    return page


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8"), survey(["sm_90"], dtypes=DTYPES)), encoding="utf-8")
