"""The sentences about a run, the same on a terminal, in Markdown and in HTML. No layout, nothing escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from harness.ops.catalogue import OPS
from harness.store.records import Record, Run
from harness.store.vocabulary import Role
from reports.analysis.fleet import by_model, devices_text, is_fleet, model_of
from reports.analysis.ratios import BASELINE
from reports.analysis.summary import FLAGS, Folded, TimedGroup, TimedRow, median_or_none, noise_floors, outcomes
from reports.text.formatting import MISSING, layout_text, params_text, percent, printable, size_text

_ROOF = (
    "%roof is GB/s over roof GB/s: what the fastest plain stream with the same traffic, named below its case, attains "
    "in the same run when nothing disturbs it (by the 5% quantile of its times; its own GB/s is that of its median)."
)


def header(run: Run) -> Iterator[str]:
    """Device, versions and sweep, a line each; a manifest with holes is no reason to say nothing."""
    manifest = run.manifest
    device, versions = manifest.device, manifest.versions
    kind = "GPU" if device.kind == "cuda" else f"CPU, {manifest.threads or '?'} threads"
    if is_fleet(run):
        nodes = {each.placement.node for each in manifest.fleet}
        on = f"{len(nodes)} machines" if len(nodes) > 1 else "one machine"
        yield f"{devices_text(run)}, on {on}"
    else:
        yield f"{device.name} ({kind})"
    yield (f"elubench {manifest.elubench}, {commit(run)}; torch {versions.torch}, triton {versions.triton}")
    yield f"sweep {manifest.sweep.get('name')}, started {manifest.created}"


def commit(run: Run) -> str:
    """The commit as "commit 0123456789", with what a reader has to know of it."""
    git = run.manifest.git
    if git is None or not git.commit:
        return "no commit"
    return f"commit {git.commit[:10]}{' with changes' if git.dirty else ''}"


def cases_text(records: Iterable[Record]) -> str:
    """The cases of providers' records, as far as a sentence may be long: "elu bfloat16 (1024×1024, 64×64); …"."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        if record.role == Role.PROVIDER:
            found.setdefault(f"{record.op} {record.dtype}", {})[size_text(record.shape)] = None
    return printable("; ".join(f"{case} ({', '.join(shapes)})" for case, shapes in found.items()) or "none", 600)


def title(group: TimedGroup) -> str:
    """The op of a group, what differs from its defaults, dtype and layout, and the regime where it is not cold."""
    defaults = OPS[group.op].params if group.op in OPS else {}
    layout = layout_text(group.layout, group.data)
    regime = "" if group.regime == "cold" else group.regime
    parts = (group.op, params_text(group.params, defaults), group.dtype, layout, regime)
    return "  ".join(part for part in parts if part)


def speedup(row: TimedRow) -> str:
    """A speed-up: "1.25"; "≈1.01" for what is within the noise; "1" for the baseline itself."""
    if row.speedup is None:
        return MISSING
    if row.record.provider == BASELINE:
        return "1"
    return ("" if row.verdict in ("faster", "slower") else "≈") + f"{row.speedup.ratio:.2f}"


def roof(timed: Sequence[TimedGroup]) -> str | None:
    """What %roof is divided by, in a sentence, or None where no row has one."""
    return _ROOF if any(row.roof_fraction is not None for group in timed for row in group.rows) else None


def ran_by(record: Record) -> str:
    """What ran the kernels of a record that was validated: before the emulated GPU, Triton's interpreter."""
    if record.validated_by is None:
        return "Triton's interpreter"
    return f"the emulated GPU, as compiled for {record.validated_by.removeprefix('ptx ')}"


def flags_used(timed: Sequence[TimedGroup]) -> dict[str, tuple[str, str]]:
    """The flags that occur, in the order in which they are explained: mark and meaning."""
    used = {flag for group in timed for row in group.rows for flag in row.record.flags}
    explained = {flag: each for flag, each in FLAGS.items() if flag in used}
    reasons = over_roof_reasons(timed)
    if "over_roof" in explained and reasons:
        mark, meaning = explained["over_roof"]
        explained["over_roof"] = (mark, f"{meaning}. Likely: {'; '.join(reasons)}")
    return explained


def over_roof_reasons(timed: Sequence[TimedGroup]) -> list[str]:
    """Why rows may be over their roofs, as their records say; each reason once, the most frequent first."""
    records = (row.record for group in timed for row in group.rows)
    counts = Counter(reason for record in records for reason in record.over_roof_reasons)
    return [reason for reason, _ in counts.most_common(3)]


def noise(run: Run) -> list[str]:
    """The A/A noise of a run in a sentence, of each model of device where there are several; none without a control."""
    parts = by_model(run)
    named = [(f"{model_of(part)}: " if len(parts) > 1 else "", _noise(part)) for part in parts]
    return [name + said for name, said in named if said]


def _noise(run: Run) -> str | None:
    floors = noise_floors(run)
    middle = median_or_none(floors)
    if middle is None:
        return None
    return (
        f"A/A noise: a provider and its twin are told apart to {percent(middle, 1)}% in the median case and to "
        f"{percent(max(floors), 1)}% in the worst; ≈ marks what does not differ for certain by more than that."
    )


def why(each: Folded) -> str:
    """Why something was not timed, with the worst input that the gate found; of what is right, what its marks mean."""
    if each.outcome == "validated":
        return "; ".join(FLAGS[flag][1] for flag in each.flags)
    return each.reason + (f", at {each.worst_input}" if each.worst_input else "")


def outcome_counts(run: Run) -> str:
    """The counts, as "outcomes: 12 ok, 3 rejected"; of each model of device where there are several."""
    parts = by_model(run)
    named = [(f"{part.manifest.device.name}: " if len(parts) > 1 else "", outcomes(part)) for part in parts]
    texts = [name + ", ".join(f"{count} {word}" for word, count in found.most_common()) for name, found in named]
    return f"outcomes: {'; '.join(texts) or 'none'}"
