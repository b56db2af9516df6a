"""What an author quotes from a proof: BibTeX, the table, and a sentence for each kernel."""

from __future__ import annotations

import shlex

from harness.proof.rows import ProofRun
from harness.store import seal
from harness.store.provenance import location
from harness.store.records import Run
from harness.store.vocabulary import RunError
from reports.analysis.citable import Citable
from reports.proof import summary
from reports.render import table
from reports.render.latex import SOFTWARE_KEY, bibtex, run_key
from reports.text.escaping import latex


def citation(run: ProofRun, caption: str = "") -> dict[str, str]:
    """The files of a citation by name. `caption` is how that of the table begins, in place of our words.

    Raises RunError where the run was changed after it ended, or is not finished.
    """
    if seal.state(run.path) == seal.BROKEN:
        raise RunError(
            f"{run.path} has been changed since it ended; to see what differs: "
            f"elubench verify {shlex.quote(str(run.path))}"
        )
    if unfinished := summary.incomplete(run):
        raise RunError(f"a run that is not finished cannot be cited. {unfinished}")
    content_hash = seal.content_hash(run.path)
    cited = Citable(Run(run.path, run.manifest, ()), content_hash, (), (), (), False, location(run.path), "")
    found = summary.summaries(run)
    return {
        "elubench.bib": bibtex(cited),
        "table.tex": _table(run, found, run_key(content_hash), caption),
        "sentences.tex": "\n".join(f"{latex(_sentence(run, each))}." for each in found) + "\n",
    }


def _table(run: ProofRun, found: list[summary.Proved], key: str, caption: str) -> str:
    ours = f"Every input, put through the kernel as compiled for {run.plan.arch}"
    caption = (
        f"{latex(caption.strip().removesuffix('.') or ours)}. Computed with elubench~\\cite{{{SOFTWARE_KEY}}}, "
        f"run~\\cite{{{key}}}."
    )
    inner = table.to_latex(summary.table(found))
    lines = ["\\begin{table}", "\\centering", f"\\caption{{{caption}}}\\label{{tab:{key}}}", *inner, "\\end{table}"]
    return "\n".join(lines) + "\n"


def _sentence(run: ProofRun, each: summary.Proved) -> str:
    worst = each.worst
    at = f", at {summary.number(worst.dtype, worst.worst.input)}" if worst.worst is not None and worst.max_ulp else ""
    share = each.count("not_correctly_rounded") / each.inputs
    return (
        f"Over {'all ' if run.plan.between is None else ''}{each.inputs:,} inputs of {each.subject.dtype}, "
        f"{summary.COMPUTED[each.subject.known]} is off by {worst.max_ulp:.4f} ULP at most{at} "
        f"({run.plan.provider}, compiled for {run.plan.arch}, ex2 {each.ex2}); {share:.3%} of the outputs are not "
        "correctly rounded"
    )
