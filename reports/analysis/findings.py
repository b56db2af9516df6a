"""What a run says in words: what wins where, by how much, how sure. Sentences as data; nothing escaped.

Only rows without a mark count, on both sides of a comparison, and a difference is claimed only where the verdict of
`harness.timing.estimators` claims it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.store.records import Run
from harness.timing.estimators import geometric_mean, median
from reports.analysis.fleet import Checked, by_model, checked, is_fleet, model_of
from reports.analysis.ratios import BASELINE
from reports.analysis.speedups import comparable, speedup_of
from reports.analysis.summary import TimedGroup, TimedRow, folded, groups, noise_floors
from reports.text import wording
from reports.text.formatting import percent, significant, size_text

# Where a difference is claimed, these are named one by one up to so many.
_MOST_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One sentence or two. `kind` is "win", "loss", "even", "caution" or "info": how a report may set it off."""

    kind: str
    text: str


def findings(run: Run, timed: Sequence[TimedGroup] | None = None) -> list[Finding]:
    """The findings of a run, the most wanted first; of a fleet, those on its devices, then of each model by itself.

    `timed` are its groups, where they are at hand.
    """
    if not is_fleet(run):
        return _of_one_model(run, groups(run) if timed is None else timed)
    found = list(on_devices(run))
    for part in by_model(run):
        own = _of_one_model(part, groups(part))
        found += [replace(each, text=f"{model_of(part)}: {each.text}") for each in own]
    return found


def _of_one_model(run: Run, timed: Sequence[TimedGroup]) -> list[Finding]:
    return [*_comparisons(timed), *_roofs(timed), *_untimed(run), *_certainty(run, timed)]


def on_devices(run: Run) -> Iterator[Finding]:
    """The devices of a fleet: which of them is slow, by how much, and how near to each other the others are."""
    by_name: dict[str, list[Checked]] = {}
    for each in checked(run):
        if each.fastest is not None:
            by_name.setdefault(each.member.device.name, []).append(each)
    for model, members in by_name.items():
        slow = [each for each in members if each.is_slow]
        yield from (_slow(each, members) for each in slow)
        shares = [each.share for each in members if each.share is not None and each not in slow]
        if len(shares) > 1:
            yield Finding(
                "info",
                f"{model}: {'the' if not slow else 'the other'} {len(shares)} devices attain at least "
                f"{percent(min(shares), 1)}% of what the fastest of them does on the same stream "
                f"({_stream(members[0])}).",
            )


def _slow(each: Checked, members: Sequence[Checked]) -> Finding:
    """That a device is slow, how slow, and held against what noise."""
    assert each.ratio is not None and each.noise_floor is not None and each.share is not None
    best = next(other for other in members if other.member is each.fastest)
    longer, least, most = (percent(value - 1, 1) for value in (each.ratio.ratio, each.ratio.low, each.ratio.high))
    cases = "1 case was" if each.cases == 1 else f"{each.cases} cases were"
    return Finding(
        "caution",
        f"{each.name} ({each.place}) is slow: it attains {percent(each.share, 1)}% of what {best.name} ({best.place}), "
        f"the fastest {each.member.device.name}, does on the same stream ({_stream(each)}), which takes it {longer}% "
        f"longer (95%: {least} to {most}%); a provider is told apart from its twin by up to "
        f"{percent(each.noise_floor, 1)}% there. {cases} timed on it, in turns with the roofs and the {BASELINE} that "
        "they are held against: shares and speed-ups are its own, and the times are those of a slow device.",
    )


def _stream(each: Checked) -> str:
    """What was done on every device of a model, and what the fastest attained."""
    assert each.fastest is not None and each.fastest.check is not None
    return f"{each.fastest.check.stream}: {significant(each.fastest.check.gbps)} GB/s"


def _comparisons(timed: Sequence[TimedGroup]) -> Iterator[Finding]:
    """Each provider against the baseline over all ops, with the cases of a cold cache only."""
    rows: dict[str, list[tuple[TimedGroup, TimedRow]]] = {}
    for group in timed:
        if group.regime == "cold":
            for row in comparable(group):
                rows.setdefault(row.record.provider, []).append((group, row))
    if not rows and any(row.speedup is not None and row.record.provider != BASELINE for g in timed for row in g.rows):
        text = f"No comparison with {BASELINE} counts: every one of them has a mark against its validity on a side."
        yield Finding("caution", text)
    for provider, each in sorted(
        rows.items(), key=lambda item: -geometric_mean([speedup_of(row).ratio for _, row in item[1]])
    ):
        yield _comparison(provider, each)


def _comparison(provider: str, rows: Sequence[tuple[TimedGroup, TimedRow]]) -> Finding:
    counts = Counter(row.verdict for _, row in rows)
    kind = "win" if counts["faster"] > counts["slower"] else "loss" if counts["slower"] > counts["faster"] else "even"
    found = [speedup_of(row) for _, row in rows]
    speeds = [each.ratio for each in found]
    reach = f"{min(each.low for each in found):.2f} to {max(each.high for each in found):.2f}×"
    if len(rows) == 1:
        verdict = {"same": "the same"}.get(str(rows[0][1].verdict), rows[0][1].verdict)
        text = (
            f"{provider} runs at {speeds[0]:.2f}× the speed of {BASELINE} (95%: {reach}) in the one case that counts: "
        )
        return Finding(kind, f"{text}{verdict}.")
    text = (
        f"{provider} runs at {geometric_mean(speeds):.2f}× the speed of {BASELINE}, the geometric mean of {len(rows)} "
        f"cases ({min(speeds):.2f} to {max(speeds):.2f}×, with their 95% intervals {reach}). It is {_listed(counts)}."
    )
    for what, parts in (("op", _means(rows, lambda g: g.op)), ("dtype", _means(rows, lambda g: g.dtype))):
        if len(parts) > 1:
            text += f" By {what}: {', '.join(parts)}."
    return Finding(kind, text + _lost(rows, counts))


def _listed(counts: Counter[str | None]) -> str:
    """Verdicts with their counts: "faster in 40, the same in 2"."""
    words = {"faster": "faster", "slower": "slower", "same": "the same", "undecided": "undecided"}
    return ", ".join(f"{word} in {counts[verdict]}" for verdict, word in words.items() if counts[verdict])


def _means(rows: Sequence[tuple[TimedGroup, TimedRow]], part: Callable[[TimedGroup], str]) -> list[str]:
    """The geometric means of parts of the rows: "elu 1.53×"."""
    ratios: dict[str, list[float]] = {}
    for group, row in rows:
        ratios.setdefault(part(group), []).append(speedup_of(row).ratio)
    return [f"{name} {geometric_mean(each):.2f}×" for name, each in ratios.items()]


def _lost(rows: Sequence[tuple[TimedGroup, TimedRow]], counts: Counter[str | None]) -> str:
    """The cases that it loses, where it wins more: the largest loss first."""
    if not 0 < counts["slower"] < counts["faster"]:
        return ""
    lost = sorted((each for each in rows if each[1].verdict == "slower"), key=lambda each: speedup_of(each[1]).ratio)
    named = [
        f"{group.op} {size_text(row.record.shape)} {group.dtype} ({speedup_of(row).ratio:.2f}×)"
        for group, row in lost[:_MOST_NAMED]
    ]
    more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
    return f" It loses at {', '.join(named)}{more}."


def _roofs(timed: Sequence[TimedGroup]) -> Iterator[Finding]:
    """How far each provider is from the roof, over all ops, cold and unmarked."""
    fractions: dict[str, list[float]] = {}
    for group in timed:
        if group.regime == "cold":
            for row in group.rows:
                if row.roof_fraction is not None and not row.record.doubts:
                    fractions.setdefault(row.record.provider, []).append(row.roof_fraction)
    parts = [
        f"{provider} {percent(median(each))}% (at best {percent(max(each))}%)"
        for provider, each in sorted(fractions.items(), key=lambda item: -median(item[1]))
    ]
    if parts:
        yield Finding(
            "info",
            f"Of the bandwidth that an undisturbed plain stream attains, in the median case: {', '.join(parts)}.",
        )


def _untimed(run: Run) -> Iterator[Finding]:
    validated = Counter((r.provider, wording.ran_by(r)) for r in run.records if r.outcome == "validated")
    for (provider, by), cases in validated.items():
        plural = "case" if cases == 1 else "cases"
        yield Finding("info", f"{provider} is right in {cases} {plural}, run by {by}; without a GPU it has no times.")
    rejected: dict[str, list[tuple[str, int]]] = {}
    for each in folded(run, validated=False):
        if each.outcome == "rejected":
            rejected.setdefault(each.provider, []).append((each.op, each.cases))
    for provider, ops in rejected.items():
        cases = sum(count for _, count in ops)
        names = ", ".join(dict.fromkeys(op for op, _ in ops))
        plural = "case" if cases == 1 else "cases"
        yield Finding("caution", f"{provider} gives wrong results in {cases} {plural} ({names}); those were not timed.")


def _certainty(run: Run, timed: Sequence[TimedGroup]) -> Iterator[Finding]:
    rows = [row for group in timed for row in group.rows if row.record.role == "provider"]
    if not rows:
        return
    widths = [row.half_width for row in rows if row.half_width is not None]
    sentences = []
    if widths:
        sentences.append(f"The 95% interval of a median time is ±{percent(median(widths), 1)}% in the median row.")
    floors = noise_floors(run)
    if floors:
        sentences.append(
            f"A provider entered twice is told apart from itself by up to {percent(median(floors), 1)}% in the median "
            f"case and {percent(max(floors), 1)}% in the worst; no difference below that of its case is claimed."
        )
    else:
        sentences.append("There is no A/A control, so no difference is claimed.")
    marked = sum(bool(row.record.doubts) for row in rows)
    if marked:
        sentences.append(
            f"{marked} of {len(rows)} timed rows carry a mark against their validity and count in none of the above."
        )
    yield Finding("caution" if marked > len(rows) / 2 else "info", " ".join(sentences))
