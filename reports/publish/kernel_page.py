"""The numbers in docs/kernels.md, from datasheets and from the machine code of this suite's kernels."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from harness.device.datasheets import DATASHEETS
from harness.machine_code.pipelines import pipe_of
from harness.machine_code.rows import InspectedRow
from reports.render.markdown import counted, summarised
from reports.render.table import Table, numbers, to_markdown, words
from reports.text.blocks import with_block

PAGE = "docs/kernels.md"
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


def tables(rows: tuple[InspectedRow, ...]) -> str:
    """What the tool prints of the suite's kernels on sm_90: all dtypes side by side, and all counts of one."""
    version = importlib.metadata.version("triton")
    lines = [*summarised(rows), *counted([row for row in rows if row.dtype == DTYPES[0]])]
    return "\n".join([f"With Triton {version}:", *lines]) + "\n"


def example(rows: tuple[InspectedRow, ...]) -> str:
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


def made(page: str, rows: tuple[InspectedRow, ...]) -> str:
    """The page with its parts in place of what was between their marks. Raises LostMarks."""
    for name, part in (("slots", slots), ("example", lambda: example(rows)), ("tables", lambda: tables(rows))):
        page = with_block(page, name, part(), PAGE)
    return page


def files(root: Path, *, check: bool) -> tuple[dict[Path, bytes], list[str]]:
    """The page as it should be, where there is one, and a sentence where that cannot be said here.

    A page that another Triton made is not checked: its counts are that compiler's.
    """
    path = root / PAGE
    if not path.exists():
        return {}, []
    text = path.read_text(encoding="utf-8")
    try:
        version = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        return {}, [f"{path} is left as it is: its counts need Triton, which is not installed"]
    there = re.search(r"^With Triton (\S+):$", text, re.MULTILINE)
    if check and there and there[1] != version:
        return {}, [f"{path} is not checked: it is about Triton {there[1]}, and {version} is installed"]
    from harness.machine_code.survey import survey

    return {path: made(text, survey(["sm_90"], dtypes=DTYPES)).encode()}, []
