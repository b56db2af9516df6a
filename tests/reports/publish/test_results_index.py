"""The index of the published runs, and that the documentation in this checkout is made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.ops.cases import make_case
from reports.publish.docs import main
from reports.text.blocks import marks
from tests.reports.runs import control, record, roof, run_of, stored, untimed

ROOT = Path(__file__).parents[3]
BLOCK = "intro\n{}\nold words\n{}\noutro\n".format(*marks("figures"))


@dataclass
class Ended:
    """How the command ended, and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def results(capsys):
    def run(root: Path, *arguments: str) -> Ended:
        try:
            main(["--root", str(root), *arguments])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


def publish(root: Path, device: str, kind: str, sweep: str = "default") -> None:
    records = []
    for size in (512, 1024, 2048):
        case = make_case("elu", (size, size), "bfloat16")
        time_s = case.bytes_moved / 500e9
        records += [record(case, time_s=time_s), record(case, "triton", time_s / 2), control(0.005, case, time_s)]
        records += [replace(roof(case, time_s / 3), roof_gbps=1600.0)]
    if kind == "cpu":
        records = [untimed() if each.provider == "triton" else each for each in records]
    run = run_of(*records, device={"kind": kind, "name": device}, sweep={"name": sweep})
    stored(run, root / "results" / device.lower().replace(" ", "-") / sweep)


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/gallery.md"):
        (tmp_path / name).write_text(BLOCK)
    return tmp_path


def text(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def test_a_cpu_run_is_indexed_and_said_to_be_one(checkout, results):
    publish(checkout, "Some CPU", "cpu")
    assert results(checkout, "--check").code == 1
    assert results(checkout).code == 0
    assert results(checkout, "--check").out == ""
    for name in ("README.md", "docs/gallery.md", "results/README.md"):
        assert re.search(r"no run on a GPU\s+is published yet", text(checkout, name), re.IGNORECASE), name
    assert text(checkout, "README.md").startswith("intro\n") and text(checkout, "README.md").endswith("outro\n")
    assert "old words" not in text(checkout, "README.md") and "Some CPU" in text(checkout, "README.md")


def test_every_link_and_image_leads_somewhere(checkout, results):
    publish(checkout, "Some CPU", "cpu")
    publish(checkout, "Some GPU", "cuda")
    results(checkout)
    for name in ("README.md", "docs/gallery.md", "results/README.md"):
        links = re.findall(r"\]\(([^)]+)\)", text(checkout, name))
        assert links, name
        assert all(((checkout / name).parent / link).is_file() for link in links), links


def test_the_documentation_shows_the_gpu_and_what_it_measured(checkout, results):
    publish(checkout, "Some GPU", "cuda")
    publish(checkout, "Another CPU", "cpu", "full")
    results(checkout)
    assert "Some GPU, a GPU, sweep default" in text(checkout, "README.md")
    assert "It is faster in 3." in text(checkout, "README.md")
    index = text(checkout, "results/README.md")
    assert "No run on a GPU" not in index and index.index("## Some GPU") < index.index("## Another CPU")


def test_a_figure_that_no_run_has_is_removed(checkout, results):
    publish(checkout, "Some GPU", "cuda")
    (checkout / "docs/figures").mkdir()
    left = checkout / "docs/figures/left-over.svg"
    left.write_text("<svg/>")
    assert "left-over" in results(checkout, "--check").out and left.exists()
    results(checkout)
    assert not left.exists() and (checkout / "docs/figures/bandwidth-elu.svg").exists()


def test_without_a_run_the_index_says_so(checkout, results):
    assert results(checkout).code == 0
    assert "No run is published yet" in text(checkout, "results/README.md")


def test_a_document_that_lost_its_marks_is_named_and_left_alone(checkout, results):
    (checkout / "README.md").write_text("no marks")
    ended = results(checkout)
    assert ended.code == 2 and "README.md has lost the lines" in ended.err
    assert text(checkout, "README.md") == "no marks"


def test_the_intensities_in_the_text_are_those_of_the_ops():
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (\d+), ([\d.]+) \| (\d+), ([\d.]+) \|", text(ROOT, "docs/rooflines.md"), re.M
    )
    assert len(rows) == 4
    for op, flops, *pairs in rows:
        for dtype, size, intensity in (("bfloat16", *pairs[:2]), ("float32", *pairs[2:])):
            case = make_case(op, (4096, 4096), dtype)
            assert case.flops == int(flops) * case.elements
            assert round(case.bytes_moved / case.elements) == int(size)
            assert abs(case.flops / case.bytes_moved - float(intensity)) < 0.006
