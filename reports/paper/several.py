"""What published runs say together, each on a data set of its own: the results in docs/claims.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.paper.rows import ClaimsRun
from reports.paper import headline, words
from reports.paper.across import Together, together
from reports.paper.build import content_hash_of
from reports.paper.complexity import table as complexity_table
from reports.paper.judge import Judged, judge
from reports.paper.markdown import Figures, described, headlines
from reports.paper.number_tables import tables
from reports.paper.number_text import p_text
from reports.paper.rules import rules
from reports.render.table import Kind, Table, numbers, to_markdown
from reports.render.table import words as columns
from reports.text.formatting import MISSING


def results(runs: Sequence[ClaimsRun], figures: Mapping[str, Figures], reports: Mapping[str, str]) -> Iterator[str]:
    """The headline, the verdicts, and what each data set says; `figures` and `reports` (paths) are by data set."""
    by_data_set = {run.plan.dataset: run for run in runs}
    judged = {name: judge(run) for name, run in by_data_set.items()}
    found = together(judged, rules().data_sets)
    yield from _short(by_data_set, found)
    yield from to_markdown(_verdicts(found, list(by_data_set)))
    first = next(iter(by_data_set))  # the method is the same for all of them
    yield from ("", words.method(by_data_set[first], judged[first]))
    yield from _how_much_is_centring(by_data_set)
    yield from ("", "## Statement by statement")
    for each in found:
        yield from _statement(each)
    for name, run in by_data_set.items():
        yield from ("", f"## On {name}", "", *described(run, content_hash_of(run)))
        yield from ("", words.setting(run), "", f"Every table and figure: [the report of this run]({reports[name]}).")
        yield from headlines(run, figures.get(name, {}), "###")
        yield from _costs(run)
    yield from ("", *to_markdown(complexity_table()))


def _short(by_data_set: Mapping[str, ClaimsRun], found: Sequence[Together]) -> Iterator[str]:
    names = " and ".join(by_data_set)
    yield from ("## Verdicts", "")
    yield f"Of {len(found)} statements put to the test on {names}, {words.counts([each.verdict for each in found])}."
    if len(by_data_set) < rules().data_sets:
        yield words.one_data_set(next(iter(by_data_set.values())))
    else:
        yield (
            f"A statement has a verdict where {rules().data_sets} data sets or more share it and no other has another; "
            "what only one of them shows counts as: cannot tell."
        )
    yield ""


def _verdicts(found: Sequence[Together], names: Sequence[str]) -> Table:
    """Every statement with its verdict, and with that of each data set."""
    rows = []
    for each in found:
        cells = [_cell(each.by_data_set.get(name)) for name in names]
        verdict = f"**{words.MARKS[each.verdict]} {each.verdict}**"
        rows.append((each.statement.says, words.quoted(each.statement), verdict, *cells))
    head = columns("statement", words.WORDS_COLUMN, kind=Kind.PROSE)
    return Table("", (*head, *columns("together"), *columns(*names)), tuple(rows))


def _cell(judged: Judged | None) -> str:
    if judged is None or not judged.primary.values:
        return MISSING
    return f"{words.MARKS[judged.verdict]} {judged.verdict} ({words.as_said(judged.primary)})"


def _how_much_is_centring(by_data_set: Mapping[str, ClaimsRun]) -> Iterator[str]:
    found = [
        f"- On {name}, {headline.centring_sentence(each)}"
        for name, run in by_data_set.items()
        for rate in headline.RATES
        if (each := headline.centring(run, rate)) is not None
    ]
    if found:
        yield from ("", "## How much of ELU's advantage is centring?", "", *found)


def _statement(found: Together) -> Iterator[str]:
    statement = found.statement
    yield from ("", f"### {statement.says}", "", f"{words.quoted(statement)}. {statement.how}")
    yield from (
        f"Margin: {statement.margin_why}",
        "",
        f"Together: **{words.MARKS[found.verdict]} {found.verdict}**",
        "",
    )
    rows = tuple((name, *_numbers(each)) for name, each in found.by_data_set.items())
    head = ("as said", "p, Holm", "median [95%]", "effect", "margin")
    yield from to_markdown(Table("", (*columns("data", "compared", "verdict", kind=Kind.PROSE), *numbers(*head)), rows))
    for name, each in found.by_data_set.items():
        yield from ("", f"{name}. {words.counter_evidence(each)}")


def _numbers(judged: Judged) -> tuple[str, ...]:
    found = judged.primary
    p = p_text(judged.adjusted_p) if found.values else MISSING
    return (
        words.label(found), f"{words.MARKS[judged.verdict]} {judged.verdict}", words.as_said(found), p,
        words.median_text(found), words.effect_text(found), words.margin_text(found.rule),
    )  # fmt: skip


def _costs(run: ClaimsRun) -> Iterator[str]:
    """The times of whole steps, where they were measured; what is counted stands once for all data sets."""
    if "step_time" not in run.plan.claims:
        return
    for found in tables(run, "step_time"):
        if found.rows and found.title != complexity_table().title:
            yield from ("", *to_markdown(found))
