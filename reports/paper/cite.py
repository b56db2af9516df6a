"""What an author quotes from claims runs: BibTeX with the paper's own entry, the verdicts as a table, sentences.

Quotation marks stand around the paper's own words alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.paper.rows import ClaimsRun
from harness.store import seal
from harness.store.provenance import location
from harness.store.records import Run
from harness.store.vocabulary import RunError
from reports.analysis.citable import Citable
from reports.paper import headline, words
from reports.paper.across import Together, together
from reports.paper.build import content_hash_of
from reports.paper.judge import judge
from reports.paper.latex import verdict_table
from reports.paper.rules import rules
from reports.render.latex import SOFTWARE_KEY, bibtex, run_key
from reports.text.escaping import latex

PAPER_KEY = "clevert2016elu"

_PAPER = f"""@inproceedings{{{PAPER_KEY},
  author = {{Clevert, Djork-Arn{{\\'e}} and Unterthiner, Thomas and Hochreiter, Sepp}},
  title = {{Fast and Accurate Deep Network Learning by Exponential Linear Units ({{ELUs}})}},
  booktitle = {{International Conference on Learning Representations}},
  year = {{2016}},
  note = {{arXiv:1511.07289}}
}}
"""


@dataclass(frozen=True)
class Cited:
    """A run that may be cited, with the hash that its entry has."""

    run: ClaimsRun
    content_hash: str


def citation(run: ClaimsRun, caption: str = "", others: Sequence[ClaimsRun] = ()) -> dict[str, str]:
    """The files of a citation by name. `caption` is how that of the table begins, in place of our words.

    `others` are runs on other data, with which the sentences are on all of them together. Raises RunError where a run
    was changed after it ended, or is not finished: its verdicts may still change.
    """
    cited = [_citable(each) for each in (run, *others)]
    names = [each.plan.dataset for each in (run, *others)]
    if len(set(names)) < len(names):
        raise RunError(f"two of the runs are on the same data ({', '.join(names)}); name one run for each data set")
    entries = [_entry(each) for each in cited]
    return {
        "elubench.bib": "\n".join([*dict.fromkeys(part for each in entries for part in each), _PAPER]),
        "table.tex": "\n".join(_table(each, caption) for each in cited),
        "sentences.tex": sentences(cited),
    }


def _citable(run: ClaimsRun) -> Cited:
    changed = [path for path in (run.path, run.path / "cost") if path.exists() and seal.state(path) == seal.BROKEN]
    if changed:
        raise RunError(
            f"{changed[0]} has been changed since it ended; to see what differs: "
            f"elubench verify {shlex.quote(str(run.path))}"
        )
    unfinished = words.incomplete(run)
    if unfinished:
        raise RunError(f"a run that is not finished cannot be cited. {unfinished}")
    return Cited(run, content_hash_of(run))


def _entry(cited: Cited) -> list[str]:
    """The entries of the software and of the run, which several runs of one version share in part."""
    run = cited.run
    whole = Citable(
        Run(run.path, run.manifest, ()), cited.content_hash, (), (), (), run.plan.name == "quick",
        location(run.path), "",
    )  # fmt: skip
    return [part.strip("\n") + "\n" for part in bibtex(whole).split("\n\n")]


def _table(cited: Cited, caption: str) -> str:
    key = run_key(cited.content_hash)
    ours = f"Statements of~\\cite{{{PAPER_KEY}}} put to the test on {latex(words.where(cited.run))}"
    caption = (
        f"{latex(caption.strip().removesuffix('.')) or ours}. Seeds: how many lie on the side that is said. "
        f"Measured with elubench~\\cite{{{SOFTWARE_KEY}}}, run~\\cite{{{key}}}."
    )
    inner = verdict_table(cited.run, cited.content_hash).rstrip("\n")
    lines = ["\\begin{table}", "\\centering", f"\\caption{{{caption}}}\\label{{tab:{key}}}", inner, "\\end{table}"]
    return "\n".join(lines) + "\n"


def sentences(cited: Sequence[Cited]) -> str:
    """What a reader of a quick run has to know first, one sentence on all statements, one on each, and the headline."""
    judged = {each.run.plan.dataset: judge(each.run) for each in cited}
    found = together(judged, rules().data_sets if len(cited) > 1 else 1)
    keys = ",".join(run_key(each.content_hash) for each in cited)
    looks = dict.fromkeys(latex(look) for each in cited if (look := words.look(each.run)))
    first = (
        f"Of {len(found)} statements of~\\cite{{{PAPER_KEY}}} put to the test on {latex(' and '.join(judged))}, "
        f"{latex(words.counts([each.verdict for each in found]))}~\\cite{{{keys}}}."
    )
    alone = [latex(words.one_data_set(each.run)) for each in cited] if len(cited) == 1 else []
    lines = [*looks, first, *alone, *(latex(_sentence(each)) for each in found)]
    return "\n".join([*lines, *(latex(each) for each in _headlines(cited))]) + "\n"


def _sentence(found: Together) -> str:
    """The statement in our words, its verdict, the paper's words, and what decides on every data set."""
    parts = [f"{name}: {each.verdict}, by {words.decides(each)}" for name, each in found.by_data_set.items()]
    says = found.statement.says.removesuffix(".")
    return f"{says} [{words.quoted(found.statement)}]: {found.verdict}. {'; '.join(parts)}."


def _headlines(cited: Sequence[Cited]) -> Iterator[str]:
    """How much of ELU's advantage is centring, on every data set and at both choices of rates."""
    for each in cited:
        for rate in headline.RATES:
            found = headline.centring(each.run, rate)
            if found is not None:
                yield f"On {each.run.plan.dataset}, {headline.centring_sentence(found)}"
