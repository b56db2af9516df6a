"""The report of a claims run: every face says the same, the same run gives the same bytes, no name does harm."""

import html
import json
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from rich.console import Console

from harness.paper.plan import PAPER_RATE
from harness.paper.rows import read_claims
from harness.store.seal import seal
from reports.paper.build import texts
from reports.paper.figures import draw
from reports.paper.headline import centring_table, divergence_tables
from reports.paper.judge import judge
from reports.paper.tables import show
from tests.harness.command import ROOT
from tests.reports.paper.runs import only, stored, varied

HOSTILE = "<script>alert(1)</script> $x_1$ | `code` \x1b[31m"


@pytest.fixture
def built(reported):
    """A run with its report, which tests only read."""
    return read_claims(reported)


def files_of(run):
    return {path.relative_to(run.path): path.read_bytes() for path in (run.path / "report").rglob("*.*")}


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_in_a_process_without_torch_and_triton(built, tmp_path):
    again = stored(tmp_path / "run")
    seal(again.path)
    assert again.rows == built.rows
    script = (
        "import sys; from harness.paper.rows import read_claims; from reports.paper.build import build\n"
        f"build(read_claims({str(again.path)!r})); assert not {{'torch', 'triton'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    files = files_of(built)
    assert files_of(again) == files
    names = {path.name for path in files}
    assert {"index.html", "report.md", "claims.tex", "claims.json", "claims-vanishing.pdf"} <= names
    assert {"claims-vanishing.svg", "claims-reconstruction-chosen.png", "claims-divergence.svg"} <= names


@pytest.mark.slow
def test_every_claim_has_its_figures():
    drawn = draw(varied())
    assert set(drawn) == {"centring", "divergence", *varied().plan.claims} - {"cost", "step_time"}
    names = [name for figures in drawn.values() for name in figures]
    assert len(set(names)) == len(names) and "claims-learning-chosen" in names and "claims-centring" in names


@pytest.mark.slow
def test_every_face_gives_every_statement_its_verdict(built):
    run = built
    page, text, table = (
        (run.path / "report" / name).read_text(encoding="utf-8") for name in ("index.html", "report.md", "claims.tex")
    )
    numbers = json.loads((run.path / "report" / "claims.json").read_text())
    console = Console(width=300, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show(run, console)
    shown = console.export_text()
    judged = judge(run)
    assert [each["verdict"] for each in numbers] == [each.verdict for each in judged]
    assert table.count("\\\\\n") == len(judged) + 2  # the head, and that the run is quick
    for each in judged:
        assert f"### {each.statement.says}" in text
        assert f"{each.statement.says} <b>{each.verdict}</b>" in html.unescape(page)
        assert each.statement.says in shown
    assert "data:image/svg+xml;base64," in page


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not [value for name, value in attrs if name in ("src", "href") and str(value).startswith("http")]


@pytest.mark.slow
def test_names_from_outside_harm_nothing(tmp_path):
    made = texts(stored(tmp_path / "run", device={"kind": "cpu", "name": HOSTILE, "torch_device": "cpu"}), {})
    tags = Tags()
    tags.feed(made["index.html"])
    assert "script" not in tags.seen
    assert {"report.md", "claims.tex", "index.html"} <= set(made)
    assert not [name for name, text in made.items() if "\x1b" in text]


@pytest.mark.slow
def test_a_verdict_never_stands_without_its_power_its_margin_and_what_speaks_against_it(tmp_path):
    run = stored(tmp_path / "run", varied())
    made, judged = texts(run, {}), judge(run)
    for name in ("report.md", "index.html"):
        text = html.unescape(made[name])
        assert text.count("Against it: ") >= len(judged)
        assert all(each.statement.margin_why in text for each in judged)
        assert "with probability 0.9: for a statement alone it takes 10 of 12 seeds on one side, " in text
        assert "with a power of 0.89; at Holm's first step it takes 12 of 12" in text
        assert "How much of ELU's advantage is centring?" in text
        assert "Losses and divergence by learning rate: deep" in text
        assert "(12/12)" not in text and "∞ (3/3)" in text  # the shifted ReLU's pilot at 0.1


def test_the_headline_says_how_much_of_the_advantage_is_centring():
    """ELU halves the loss, and so does centring ReLU: all of it. Where ReLU is not centred any better: none."""
    table = centring_table(varied())
    said = " ".join(table.notes)
    assert "which is all of ELU's advantage and more" in said
    half = only("learning", losses=lambda net, name, *_: {"elu": 0.25, "relu": 1.0, "relu+centred": 0.5}.get(name, 0.2))
    assert "which is 0.500 of ELU's advantage" in " ".join(centring_table(half).notes)
    none = only("learning", losses=lambda net, name, *_: 0.5)
    assert "no advantage of ELU's" in " ".join(centring_table(none).notes)


def test_divergence_is_counted_at_every_rate():
    def losses(net, name, rate, seed):
        return None if name == "elu" and rate > PAPER_RATE and seed != 100 else 0.3

    tables = {each.title: each for each in divergence_tables(only("learning", losses=losses))}
    elu = next(line for line in tables["Losses and divergence by learning rate: deep"].rows if line[0] == "ELU")
    assert elu[1].endswith("*") and elu[2] == "∞ (2/3)"
