"""What can be quoted from a claims run."""

import dataclasses
import re
import shutil
import subprocess

import pytest

from harness.paper.rows import read_claims
from harness.store.seal import seal
from harness.store.vocabulary import RunError
from reports.paper import words
from reports.paper.build import content_hash_of
from reports.paper.cite import citation
from reports.paper.judge import judge
from reports.paper.rules import rules
from reports.text.escaping import latex
from tests.harness.command import elubench
from tests.reports.paper.runs import claims_run, only, stored


@pytest.fixture
def finished(tmp_path):
    run = stored(tmp_path / "run", only("mean_shift", "learning"))
    seal(run.path)
    return run.path


def test_a_citation_names_the_run_the_paper_and_every_verdict(finished):
    run = read_claims(finished)
    files, judged = citation(run), judge(run)
    key = f"elubench-run-{content_hash_of(run)[:12]}"
    assert f"@misc{{{key}," in files["elubench.bib"]
    assert files["elubench.bib"].count("@misc{elubench,") == 1
    assert "@inproceedings{clevert2016elu," in files["elubench.bib"]
    assert files["table.tex"].count("\\\\\n") == len(judged) + 2  # the head, and that the run is quick
    assert "This is a quick run, a look only" in files["table.tex"] and "a look only" in files["sentences.tex"]
    assert f"Of {len(judged)} statements" in files["sentences.tex"]
    assert f"\\cite{{{key}}}" in files["sentences.tex"]


def test_quotation_marks_stand_around_the_papers_own_words_alone(finished):
    text = citation(read_claims(finished))["sentences.tex"]
    quoted = re.findall("{``}(.*?){''}", text)
    assert quoted and set(quoted) <= {latex(each.quote) for each in rules().statements}
    assert words.INFERENCE in text  # of the statement that has no words of the paper's
    assert '"' not in text and text.count("``") == text.count("''") == len(quoted)


def test_a_sentence_has_the_comparison_that_decides_and_how_many_seeds(finished):
    text = citation(read_claims(finished))["sentences.tex"]
    line = next(
        each for each in text.splitlines() if each.startswith("Deep nets of ELUs learn faster than deep nets of R")
    )
    assert "holds. digits: holds, by training loss, mean over epochs, ELU / ReLU, deep, rate 0.1" in line
    assert "12 of 12 seeds as said" in line and "after Holm" in line and "margin" in line


def test_several_data_sets_hold_where_two_do(finished, tmp_path):
    plan = dataclasses.replace(only("mean_shift", "learning").plan, dataset="mnist1d")
    other = claims_run(*read_claims(finished).rows, plan=plan)
    run = stored(tmp_path / "other", other)
    seal(run.path)
    text = citation(read_claims(finished), "", [read_claims(run.path)])["sentences.tex"]
    assert "put to the test on digits and mnist1d" in text and "mnist1d: holds, by " in text
    with pytest.raises(RunError, match="two of the runs are on the same data"):
        citation(read_claims(finished), "", [read_claims(finished)])


@pytest.mark.slow
def test_what_is_changed_or_unfinished_is_not_cited(finished):
    done = elubench("cite", finished, "--out", finished / "cited")
    assert done.returncode == 0, done.stderr
    assert (finished / "cited" / "table.tex").exists()
    again = elubench("cite", finished, "--also", finished)
    assert again.returncode == 2 and "name one run for each data set" in again.stderr
    lines = (finished / "records.jsonl").read_text().splitlines()
    (finished / "records.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(RunError, match="has been changed since it ended"):
        citation(read_claims(finished))
    seal(finished)
    with pytest.raises(RunError, match="a run that is not finished cannot be cited"):
        citation(read_claims(finished))


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_takes_it(finished, tmp_path):
    files = citation(read_claims(finished))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        "\\input{sentences}\\input{table}\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout
