"""What can be quoted from a claims run."""

import dataclasses
import shutil
import subprocess

import pytest

from harness.paper.rows import read_claims
from harness.store.manifest import write_manifest
from harness.store.records import to_json
from harness.store.seal import seal
from harness.store.vocabulary import RunError
from reports.paper.build import content_hash_of
from reports.paper.cite import citation
from tests.harness.command import elubench
from tests.reports.paper.runs import PLAN, angled, claims_run

VARIANTS = [f"{name}{form}" for name in PLAN.activations for form in ("", "+bn")] + ["relu+centred", "relu+prong"]


@pytest.fixture
def finished(tmp_path):
    rows = [angled(name, seed, 60.0 + 3 * n) for n, name in enumerate(VARIANTS) for seed in PLAN.seeds]
    run = claims_run(*rows, plan=dataclasses.replace(PLAN, claims=("natural_gradient",)), path=tmp_path / "run")
    run.path.mkdir()
    write_manifest(run.path / "manifest.json", run.manifest)
    (run.path / "records.jsonl").write_text("".join(to_json(each) + "\n" for each in rows))
    seal(run.path)
    return run.path


def test_a_citation_names_the_run_the_paper_and_every_verdict(finished):
    files = citation(read_claims(finished))
    key = f"elubench-run-{content_hash_of(read_claims(finished))[:12]}"
    assert f"@misc{{{key}," in files["elubench.bib"]
    assert "@inproceedings{clevert2016elu," in files["elubench.bib"]
    assert files["table.tex"].count("\\\\\n") == 5  # the head, three statements, and that the run is quick
    assert "This is a quick run, a look only" in files["table.tex"] and "a look only" in files["sentences.tex"]
    assert "Of 3 statements" in files["sentences.tex"]
    assert f"\\cite{{{key}}}" in files["sentences.tex"]


@pytest.mark.slow
def test_what_is_changed_or_unfinished_is_not_cited(finished):
    done = elubench("cite", finished, "--out", finished / "cited")
    assert done.returncode == 0, done.stderr
    assert (finished / "cited" / "table.tex").exists()
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
