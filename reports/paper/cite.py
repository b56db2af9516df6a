"""What an author quotes from a claims run: BibTeX with the paper's own entry, the verdicts as a table, sentences."""

from __future__ import annotations

import shlex

from harness.paper.rows import ClaimsRun
from harness.store import seal
from harness.store.provenance import location
from harness.store.records import Run
from harness.store.vocabulary import RunError
from reports.analysis.citable import Citable
from reports.paper import words
from reports.paper.build import content_hash_of
from reports.paper.judge import Judged, judge
from reports.paper.latex import verdict_table
from reports.paper.number_tables import number_text
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


def citation(run: ClaimsRun, caption: str = "") -> dict[str, str]:
    """The files of a citation by name. `caption` is how that of the table begins, in place of our words.

    Raises RunError where the run was changed after it ended, or is not finished: its verdicts may still change.
    """
    changed = [path for path in (run.path, run.path / "cost") if path.exists() and seal.state(path) == seal.BROKEN]
    if changed:
        raise RunError(
            f"{changed[0]} has been changed since it ended; to see what differs: "
            f"elubench verify {shlex.quote(str(run.path))}"
        )
    unfinished = words.incomplete(run)
    if unfinished:
        raise RunError(f"a run that is not finished cannot be cited. {unfinished}")
    content_hash = content_hash_of(run)
    cited = Citable(
        Run(run.path, run.manifest, ()), content_hash, (), (), (), run.plan.name == "quick", location(run.path), ""
    )
    return {
        "elubench.bib": f"{bibtex(cited)}\n{_PAPER}",
        "table.tex": _table(run, content_hash, caption),
        "sentences.tex": sentences(judge(run), content_hash, words.look(run)),
    }


def _table(run: ClaimsRun, content_hash: str, caption: str) -> str:
    key = run_key(content_hash)
    ours = f"Statements of~\\cite{{{PAPER_KEY}}} put to the test on {latex(words.where(run))}"
    caption = (
        f"{latex(caption.strip().removesuffix('.')) or ours}. "
        f"Measured with elubench~\\cite{{{SOFTWARE_KEY}}}, run~\\cite{{{key}}}."
    )
    inner = verdict_table(run, content_hash).rstrip("\n")
    lines = ["\\begin{table}", "\\centering", f"\\caption{{{caption}}}\\label{{tab:{key}}}", inner, "\\end{table}"]
    return "\n".join(lines) + "\n"


def sentences(judged: list[Judged], content_hash: str, look: str | None = None) -> str:
    """One sentence on all statements, then one on each with the number of its first comparison.

    `look` is what a reader of a quick run has to know first.
    """
    first = (
        f"Of {len(judged)} statements of~\\cite{{{PAPER_KEY}}} put to the test, {latex(words.counts(judged))}"
        f"~\\cite{{{run_key(content_hash)}}}."
    )
    return "\n".join([*([latex(look)] if look else []), first, *map(_sentence, judged)]) + "\n"


def _sentence(judged: Judged) -> str:
    text = f"“{judged.statement.text.removesuffix('.')}” ({judged.statement.place}): {judged.verdict}"
    if judged.comparisons:
        least = judged.comparisons[0]
        text += f"; {least.measure}, {least.label}: {number_text(least.number)}"
    return f"{latex(text)}."
