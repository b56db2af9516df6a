"""A comparison as a table on a terminal, as Markdown for a pull request, and as JSON for a script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.ops.catalogue import OPS
from harness.timing.estimators import Ratio, geometric_mean
from reports.analysis.compare import VERDICTS, Change, Comparison, Pair
from reports.render import table
from reports.render.table import Column, Kind, Table
from reports.text.escaping import markdown_code
from reports.text.formatting import MISSING, layout_text, params_text, percent, printable, size_text, time_text

_STYLES = {"slower": "bold red", "faster": "bold green", "undecided": "yellow"}
_MEANING = (
    "Ratio: the second side's time over the first's, with its 95% interval; slower and faster are claimed only where "
    "the whole interval lies beyond ±noise, the larger A/A floor of both sides, in seconds and in a GPU's cycles."
)


def show(comparisons: Sequence[Comparison], console: Console) -> None:
    """Print them, each of its model of device where there are several."""
    for number, each in enumerate(comparisons):
        if number:
            console.print()
        _show(each, console)


def _show(comparison: Comparison, console: Console) -> None:
    """Warnings first, then the cases with the most wanted verdicts on top."""
    if comparison.device:
        console.print(Text(printable(f"on {comparison.device}"), style="bold"))
    for line in (f"first:  {comparison.first}", f"second: {comparison.second}"):
        console.print(Text(printable(line)))
    if comparison.warnings:
        console.print(Text("not alike, so a difference may be theirs:", style="yellow"))
        for warning in comparison.warnings:
            console.print(Text(f"  {printable(warning)}", style="yellow"))
    table.show(_table(comparison), console)
    for change in comparison.changes:
        console.print(Text(printable(change_text(change)), style="red" if change.is_loss else ""))
    console.print(Text(conclusion(comparison), style="bold"))


def _table(comparison: Comparison) -> Table:
    columns = (
        Column("case", Kind.NAME),
        Column("provider", Kind.NAME, longest=30),
        Column("first", goes=2),
        Column("second", goes=1),
        Column("ratio"),
        Column("±noise%"),
        Column("verdict", Kind.WORD, styles=_STYLES),
        Column("why", Kind.PROSE, goes=3),
    )
    rows = tuple(
        (
            case_text(pair),
            provider_text(pair),
            time_text(pair.first.median_s),
            time_text(pair.second.median_s),
            ratio_text(pair.ratio),
            percent(pair.noise_floor, 1),
            pair.verdict,
            pair.why,
        )
        for pair in ordered(comparison)
    )
    return Table("", columns, rows, (_MEANING,)).without_empty("why")


def to_markdown(comparisons: Sequence[Comparison]) -> str:
    """The whole comparison, or one for each model of device; every name from outside as code."""
    return "\n".join(map(_markdown, comparisons))


def _markdown(comparison: Comparison) -> str:
    on = f"On {markdown_code(comparison.device)}: " if comparison.device else ""
    sides = f"{markdown_code(comparison.second)} against {markdown_code(comparison.first)}"
    lines = [f"{on}{sides}: **{conclusion(comparison)}**", ""]
    if comparison.warnings:
        lines += ["Not alike, so a difference may be theirs:", ""]
        lines += [f"- {markdown_code(warning)}" for warning in comparison.warnings]
        lines.append("")
    if comparison.pairs:
        lines += table.to_markdown(_table(comparison))
    if comparison.changes:
        lines += ["", *(f"- {markdown_code(change_text(change))}" for change in comparison.changes)]
    return "\n".join(lines) + "\n"


def to_json(comparisons: Sequence[Comparison]) -> str:
    """The comparison for a script, or a list of them where there are several; ratios are plain numbers, times seconds.

    Of one model among others, `device` says which.
    """
    contents = [_content(each) for each in comparisons]
    return json.dumps(contents[0] if len(contents) == 1 else contents, indent=2, allow_nan=False)


def _content(comparison: Comparison) -> dict[str, Any]:
    device = {"device": comparison.device} if comparison.device else {}
    return device | {
        "first": comparison.first,
        "second": comparison.second,
        "counts": {name: comparison.counts[name] for name in VERDICTS},
        "warnings": list(comparison.warnings),
        "pairs": [_plain(pair) for pair in ordered(comparison)],
        "changes": [
            {"case_key": each.case_key, "provider": each.provider, "regime": each.regime,
             "first_outcome": each.first, "second_outcome": each.second}
            for each in comparison.changes
        ],
    }  # fmt: skip


def _plain(pair: Pair) -> dict[str, Any]:
    ratio = pair.ratio
    return {
        "case_key": pair.first.case_key,
        "regime": pair.first.regime,
        "first_provider": pair.first.provider,
        "second_provider": pair.second.provider,
        "first_median_s": pair.first.median_s,
        "second_median_s": pair.second.median_s,
        "ratio": ratio.ratio if ratio else None,
        "ratio_ci95": [ratio.low, ratio.high] if ratio else None,
        "noise_floor": pair.noise_floor,
        "verdict": pair.verdict,
        "why": pair.why,
        "first_flags": list(pair.first.flags),
        "second_flags": list(pair.second.flags),
    }


def ordered(comparison: Comparison) -> list[Pair]:
    """The pairs by verdict, the largest differences of each first."""
    return sorted(
        comparison.pairs,
        key=lambda pair: (VERDICTS.index(pair.verdict), -abs(pair.ratio.ratio - 1) if pair.ratio else 0.0),
    )


def case_text(pair: Pair) -> str:
    """The case and its regime, as in the other tables."""
    record = pair.first
    defaults = OPS[record.op].params if record.op in OPS else {}
    parts = (
        record.op,
        params_text(record.params, defaults),
        size_text(record.shape),
        record.dtype,
        layout_text(record.layout, record.data),
        "" if record.regime == "cold" else record.regime or "",
    )
    return " ".join(part for part in parts if part)


def provider_text(pair: Pair) -> str:
    """The provider, or both where two are compared."""
    a, b = pair.first.provider, pair.second.provider
    return a if a == b else f"{b} / {a}"


def ratio_text(ratio: Ratio | None) -> str:
    """A ratio with its interval: "1.030 [1.021, 1.038]"."""
    return MISSING if ratio is None else f"{ratio.ratio:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def change_text(change: Change) -> str:
    """What became of one case: "triton: elu(…) 4096x4096 float32 contiguous cold: ok, then rejected"."""
    regime = f" {change.regime}" if change.regime else ""
    sides = " then ".join(outcome or "not in it" for outcome in (change.first, change.second))
    return f"{change.provider}: {change.case_key}{regime}: {sides}"


def conclusion(comparison: Comparison) -> str:
    """One line: the verdicts counted, and the geometric mean of the ratios."""
    counts = ", ".join(f"{comparison.counts[name]} {name}" for name in VERDICTS if comparison.counts[name])
    ratios = [each.ratio for each in comparison.counted]
    over = "" if len(ratios) == len(comparison.pairs) else f" of {len(ratios)} cold cases without a mark"
    mean = f"; geometric mean of the ratios{over} {geometric_mean(ratios):.3f}" if ratios else ""
    lost = sum(change.is_loss for change in comparison.changes)
    return f"{counts or 'nothing to compare'}{mean}" + (f"; {lost} no longer timed" if lost else "")
