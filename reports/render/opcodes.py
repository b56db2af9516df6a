"""The opcodes of NVIDIA's machine code that kernels executed: what each is taken to mean, and on what that rests."""

from __future__ import annotations

from collections.abc import Sequence

from harness.emulator.sass.opcodes import meaning
from harness.machine_code.agreements import AgreementRow, evidence
from harness.ops.op import SHORT_DTYPES
from harness.store.vocabulary import Outcome
from reports.render.table import Column, Kind, Table, numbers, to_markdown
from reports.text.escaping import markdown_text

_INTRODUCTION = (
    "NVIDIA documents no meaning of its machine code. What the emulated GPU takes an opcode to mean is therefore held "
    "against PTX, which is documented: each kernel of the suite is run by its machine code and by its PTX, on every "
    "16-bit input or on fp32 and fp64 inputs that break kernels, and every byte of every tensor is compared.",
    "A number below is of inputs: the elements of all kernels that executed the opcode and gave the same bits. It says "
    "that the meaning suffices for these kernels, not that it holds for all operands. The forms are those that were "
    "executed; one that is not known ends the run as unsupported.",
    "Made by `elubench inspect --validate --markdown`, or of what it found with `--json`, run by run, by `python -m "
    "reports.publish.opcode_page ROWS.json … > docs/opcodes.md`.",
)


def page(rows: Sequence[AgreementRow]) -> str:
    """docs/opcodes.md, without its last newline."""
    archs = list(dict.fromkeys(row.arch for row in rows))
    agreed = [row for row in rows if row.outcome is Outcome.VALIDATED]
    lines = ["# Opcodes of machine code, and the evidence for their meaning", ""]
    for sentence in _INTRODUCTION:
        lines += [sentence, ""]
    for arch in archs:
        of_arch = [row for row in rows if row.arch == arch]
        alike = [row for row in agreed if row.arch == arch]
        dtypes = ", ".join(dict.fromkeys(SHORT_DTYPES.get(row.dtype, row.dtype) for row in of_arch))
        inputs = sum(row.inputs for row in alike)
        lines.append(f"- {arch}: {len(alike)} of {len(of_arch)} kernels ({dtypes}) agree, on {inputs:,} inputs")
    lines += ["", *to_markdown(opcode_table(rows, archs))]
    others = [row for row in rows if row.outcome is not Outcome.VALIDATED]
    lines += ["", *(f"- {markdown_text(str(row))}" for row in others)] if others else []
    return "\n".join(lines)


def opcode_table(rows: Sequence[AgreementRow], archs: Sequence[str]) -> Table:
    """A line for each opcode: its meaning, its forms, and on how many inputs kernels with it agreed."""
    columns = (
        Column("opcode", Kind.NAME),
        Column("meaning", Kind.PROSE),
        *numbers("kernels", *archs),
        Column("forms", Kind.PROSE),
    )
    found = []
    for each in evidence(rows):
        known = meaning(each.name)
        text = " ".join((known.__doc__ or "").split()) if known else ""
        counts = (f"{each.inputs[arch]:,}" if arch in each.inputs else "" for arch in archs)
        found.append((each.name, text, str(each.kernels), *counts, " ".join(filter(None, each.forms))))
    return Table("", columns, tuple(found))
