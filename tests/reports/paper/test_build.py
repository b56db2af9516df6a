"""The report of a claims run: every face says the same, the same run gives the same bytes, no name does harm."""

import html
import json
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from rich.console import Console

from harness.paper.rows import read_claims
from harness.store.manifest import write_manifest
from harness.store.records import to_json
from reports.paper.build import build
from reports.paper.judge import judge
from reports.paper.tables import show
from tests.harness.command import ROOT
from tests.reports.paper.runs import varied

HOSTILE = "<script>alert(1)</script> $x_1$ | `code` \x1b[31m"


def stored(path, **manifest):
    run = varied(path, **manifest)
    path.mkdir(parents=True)
    write_manifest(path / "manifest.json", run.manifest)
    (path / "records.jsonl").write_text("".join(to_json(each) + "\n" for each in run.rows))
    return read_claims(path)


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(tmp_path):
    first, second = stored(tmp_path / "a" / "run"), stored(tmp_path / "b" / "run")
    assert first.rows == second.rows
    assert set(map(to_json, first.rows)) == set(map(to_json, varied().rows))
    assert build(first).left_out == ()
    build(second)
    files = {path.relative_to(first.path): path.read_bytes() for path in (first.path / "report").rglob("*.*")}
    assert {path.relative_to(second.path): path.read_bytes() for path in (second.path / "report").rglob("*.*")} == files
    names = {path.name for path in files}
    assert {"index.html", "report.md", "claims.tex", "claims.json", "claims-mean-shift.pdf"} <= names
    assert {"claims-learning-paper.svg", "claims-learning-best.png", "claims-natural-gradient.svg"} <= names


@pytest.mark.slow
def test_every_face_gives_every_statement_its_verdict(tmp_path):
    run = stored(tmp_path / "run")
    build(run)
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
        assert f"{each.statement.text} | {each.statement.place} | **" in text
        assert f"{each.statement.text} <b>{each.verdict}</b>" in html.unescape(page)
        assert each.statement.text in shown
    assert "The run is not finished" in text
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
    run = stored(tmp_path / "run", device={"kind": "cpu", "name": HOSTILE, "torch_device": "cpu"})
    build(run)
    tags = Tags()
    tags.feed((run.path / "report" / "index.html").read_text(encoding="utf-8"))
    assert "script" not in tags.seen
    for name in ("report.md", "claims.tex", "index.html"):
        assert "\x1b" not in (run.path / "report" / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_report_imports_neither_torch_nor_triton(tmp_path):
    run = stored(tmp_path / "run")
    script = (
        "import sys; from harness.paper.rows import read_claims; from reports.paper.build import build\n"
        f"build(read_claims({str(run.path)!r})); assert not {{'torch', 'triton'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
