"""What an author gets: valid rows alone, numbers with their intervals, and LaTeX that compiles, hostile names too."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from harness.ops.cases import make_case
from harness.store import seal
from harness.store.provenance import Location
from harness.store.vocabulary import RECORDS, Regime, RunError
from reports.analysis.citable import NotCitable, Selection, citable
from reports.render import latex
from reports.text.escaping import latex as escaped
from tests.harness.command import ROOT, elubench
from tests.reports.fleets import fleet_run, written
from tests.reports.runs import HOSTILE, control, hostile_run, record, roof, run_of, stored, untimed

BIG, SMALL = make_case("elu", (8192, 8192), "bfloat16"), make_case("elu", (1024, 1024), "bfloat16")
ALL = Selection()
RATIO = {"baseline": "eager", "ratio": 0.8, "ratio_ci95": (0.79, 0.81)}


def quoted_run():
    """Two cases; rows that must not be quoted stand among them."""
    records = []
    for case in (SMALL, BIG):
        eager = record(case, "eager", 100e-6)
        records += [eager, record(case, "triton", 80e-6, **RATIO), roof(case, 60e-6), control(0.01, case)]
    records += [
        record(BIG, "hot", 70e-6, flags=("throttled",)),
        record(BIG, "cached", 70e-6, flags=("not_cold",)),
        record(BIG, "magic", 7e-6, flags=("over_roof",)),
        record(BIG, "loud", 90e-6, flags=("noisy",)),
        untimed(BIG, "wrong", "rejected", reason="out is 0 where -1e-9 is true"),
        untimed(BIG, "interpreted"),
    ]
    return run_of(*records)


@pytest.fixture
def run(tmp_path):
    return stored(quoted_run(), tmp_path / "run")


def test_energy_is_a_column_of_the_table_where_it_was_counted(tmp_path):
    def table(name, *records):
        return latex.table(citable(stored(run_of(*records), tmp_path / name), ALL))

    with_energy = table("with", record(energy_j=12.34e-3), record(regime=Regime.WARM))
    assert "mJ per call" in with_energy and "& 12.3" in with_energy and "the whole board" in with_energy
    assert "elu  bfloat16  warm}" in with_energy, "the regime is named once"
    assert "mJ" not in table("without", record())


def test_rows_that_are_not_valid_are_refused_with_their_reasons(run):
    cited = citable(run, ALL)
    why = {each.record.provider: each.why for each in cited.refused}
    assert set(why) == {"hot", "cached", "magic", "loud", "wrong", "interpreted"}
    for provider, words in {
        "hot": "slowed down",
        "cached": "not cold",
        "magic": "faster than its roof",
        "loud": "wider than ±5%",
        "wrong": "rejected: out is 0 where -1e-9 is true",
        "interpreted": "not timed",
    }.items():
        assert words in why[provider]
    _, rows = latex.table(cited).split(r"\begin{tabular}")
    text = rows + latex.sentences(cited) + latex.bibtex(cited)
    assert not [provider for provider in why if provider in text]


def test_sentences_hold_the_numbers_and_their_intervals(run):
    first, second = citable(run, ALL).sentences
    assert "triton computes elu of 8192×8192 bfloat16 elements in 80.0 µs" in first
    assert "median of 40 samples, 95% interval 79.9 µs to 80.1 µs, cold cache" in first
    assert "1.25 times (95% interval 1.23 to 1.27) the speed of eager" in first
    assert (
        "Over 2 valid cases of elu (cold cache) it is faster in 2: 1.25 times the speed of eager in the geometric mean"
        in second
    )


def test_a_difference_within_the_noise_is_not_claimed(tmp_path):
    near = {"baseline": "eager", "ratio": 0.99, "ratio_ci95": (0.985, 0.995)}
    rows = (record(BIG), record(BIG, "triton", 99e-6, **near), control(0.03, BIG))
    cited = citable(stored(run_of(*rows), tmp_path / "run"), ALL)
    assert "not told apart from eager" in cited.sentences[0] and "1.01" not in cited.sentences[0]
    assert "(1.01 {[}1.01, 1.02{]})" in latex.table(cited) and "in parentheses" in latex.table(cited)


def test_no_speed_up_is_quoted_over_a_baseline_that_is_not_valid(tmp_path):
    rows = (record(BIG, flags=("throttled",)), record(BIG, "triton", 80e-6, **RATIO), control(0.01, BIG))
    cited = citable(stored(run_of(*rows), tmp_path / "run"), ALL)
    assert "speed of eager" not in " ".join(cited.sentences)
    assert "1.25" not in latex.table(cited)


def test_the_entry_carries_version_commit_device_date_and_hash(run):
    text = latex.bibtex(citable(run, ALL))
    assert "Version 0.1.0, commit 0123456789" in text and "Test device" in text and "2026-01-01" in text
    assert seal.content_hash(run.path) in text.replace(r"\allowbreak{}", "")
    assert latex.run_key(seal.content_hash(run.path)) in text


def test_the_entry_of_a_run_that_others_can_find_says_where(run):
    cited = citable(run, ALL)
    assert "url = " not in latex.bibtex(cited)
    text = latex.bibtex(replace(cited, location=Location("https://example.org/me/elubench", "results/my_gpu/default")))
    software, own = text.split(f"@misc{{{latex.run_key(cited.content_hash)}")
    assert "url = {https://example.org/me/elubench}" in own and "url = " not in software
    assert r"Its directory in the repository: results/my\_gpu/default" in own


def test_title_and_authors_are_those_of_the_citation_file():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    title, abstract = (re.search(rf"^{name}: (.*)$", citation, re.MULTILINE)[1] for name in ("title", "abstract"))
    assert f"{title}: {abstract.removesuffix('.')}" == latex.TITLE
    assert re.search(r"^  - name: (.*)$", citation, re.MULTILINE)[1] == latex.AUTHORS


def test_a_selection_and_what_it_leaves(run):
    cited = citable(run, Selection(providers=("triton",)))
    assert {row.record.provider for group in cited.groups for row in group.rows} == {"triton"}
    with pytest.raises(RunError, match=r"no such row; it has elu bfloat16 .*providers: eager, triton, hot, cached"):
        citable(run, Selection(ops=("gelu",)))
    with pytest.raises(NotCitable, match="no row that can be cited") as none:
        citable(run, Selection(providers=("hot",)))
    assert [each.record.provider for each in none.value.refused] == ["hot"]


def test_a_run_that_was_changed_cannot_be_cited(run):
    seal.seal(run.path)
    path = run.path / RECORDS
    path.write_text(path.read_text().replace("0.00", "0.01", 1))
    ended = elubench("cite", run.path)
    assert ended.returncode == 1 and "was changed after it ended" in ended.stderr and not ended.stdout


@pytest.mark.slow
def test_the_command_prints_or_writes_it_and_says_what_it_refused(run, tmp_path):
    ended = elubench("cite", run.path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("@misc{") == 2 and r"\toprule" in ended.stdout
    assert "elubench report" in ended.stdout.splitlines()[-1]
    assert "refused: elu by wrong, 1 of them (8192×8192 bfloat16): rejected: out is 0" in ended.stderr
    none = elubench("cite", run.path, "--provider", "hot")
    assert none.returncode == 1 and not none.stdout
    assert [line.split(":")[1] for line in none.stderr.splitlines()[:1]] == [" refused"]
    ended = elubench("cite", run.path, "--out", tmp_path / "paper", "--provider", "triton")
    assert ended.returncode == 0, ended.stderr
    assert {path.name for path in (tmp_path / "paper").iterdir()} == {
        "elubench.bib", "table.tex", "sentences.tex", "figure.tex", "bandwidth-elu.pdf"
    }  # fmt: skip


DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs,longtable,graphicx}
\begin{document}
SENTENCES
TABLE
\texttt{EXTRA}
\bibliographystyle{plain}
\bibliography{cited}
\end{document}
"""


def compiled(directory, cited, extra="", faults=()):
    """The document set with pdflatex and bibtex, in a process that may neither write elsewhere nor run anything."""
    if not shutil.which("pdflatex") or not shutil.which("bibtex"):
        pytest.skip("pdflatex and bibtex are not installed (apt-get install texlive-latex-base)")
    text = DOCUMENT.replace("SENTENCES", latex.sentences(cited)).replace("TABLE", latex.table(cited))
    (directory / "paper.tex").write_text(text.replace("EXTRA", extra), encoding="utf-8")
    (directory / "cited.bib").write_text(latex.bibtex(cited), encoding="utf-8")
    pdflatex = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    log = ""
    for command in (pdflatex, ["bibtex", "paper"], pdflatex, pdflatex):
        ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, errors="replace", timeout=120)
        assert ended.returncode == 0, ended.stdout[-3000:]
        log = ended.stdout
    for fault in ("undefined citations", "undefined references", "multiply-defined", "Missing character", *faults):
        assert fault not in log.replace("\n", " "), fault
    assert "Warning" not in (directory / "paper.blg").read_text()
    assert (directory / "paper.pdf").stat().st_size > 10_000


@pytest.mark.latex
def test_the_latex_compiles(run, tmp_path):
    compiled(tmp_path, citable(run, ALL), faults=("Overfull",))


@pytest.mark.latex
def test_a_table_with_devices_side_by_side_fits_too(tmp_path):
    compiled(
        tmp_path, citable(written(fleet_run(), tmp_path / "run"), Selection(dtypes=["float32"])), faults=("Overfull",)
    )


@pytest.mark.latex
def test_hostile_names_compile_too_and_a_long_table_goes_over_pages(tmp_path):
    hostile = hostile_run()
    more = [make_case("elu", (64 * n, 64), "float32") for n in range(1, 31)]
    rows = [record(case, name, **RATIO) for case, name in zip(more, list(HOSTILE.values()) * 3, strict=False)]
    run = stored(replace(hostile, records=(*hostile.records, *rows)), tmp_path / "run")
    cited = citable(run, ALL)
    assert r"\begin{longtable}" in latex.table(cited)
    everything = "".join(map(chr, range(32, 0x250))) + "×±≈µ–°®™数😀[]*&"
    compiled(tmp_path, cited, escaped(everything))


def test_regimes_and_cases_are_chosen_and_what_is_not_there_is_named(tmp_path):
    warm = [replace(each, regime="warm") for each in (record(SMALL), record(SMALL, "triton", 50e-6))]
    graph = [replace(each, regime="graph") for each in (record(SMALL), record(SMALL, "triton", 50e-6))]
    run = stored(run_of(record(BIG), record(BIG, "triton", 80e-6, **RATIO), *warm, *graph), tmp_path / "run")

    def chosen(**selection):
        rows = [row.record for group in citable(run, Selection(**selection)).groups for row in group.rows]
        return {(each.shape[0], each.regime) for each in rows}

    assert chosen(regimes=("warm",)) == {(1024, "warm")}
    assert chosen(regimes=("cold",)) == {(8192, "cold"), (1024, "graph")}
    assert chosen(case="8192×8192") == chosen(case="8192x8192") == {(8192, "cold")}
    with pytest.raises(RunError, match=r"holds no such row; it has elu bfloat16 .*regimes: cold, graph, warm"):
        citable(run, Selection(regimes=("host",)))


def test_the_caption_begins_as_asked_and_names_what_is_quick_or_has_no_time(run, tmp_path):
    text = latex.table(citable(run, ALL), "Ours & theirs.")
    assert r"\caption{Ours \& theirs. Median times and speed-ups" in text
    assert "The sweep is a quick one, for a first look." in text  # the sweep of these tests is `smoke`
    assert "not in the table, as that gives no time: interpreted (1 case)." in text
    full = replace(run, manifest=replace(run.manifest, sweep={"name": "default"}))
    assert "first look" not in latex.table(citable(full, ALL))
    ended = elubench("cite", run.path, "--case", "1024x1024", "--regime", "cold", "--caption", "Mine")
    assert ended.returncode == 0 and r"\caption{Mine. Median" in ended.stdout and "8192" not in ended.stdout
    assert elubench("cite", run.path, "--regime", "tepid").returncode == 2
