"""What machine code says of the activations: from kept rows to the table and the sentence on every face."""

import dataclasses
import html
import shutil
import subprocess

import pytest
from rich.console import Console

from harness.machine_code.rows import Ceiling, InspectedRow, keep_rows
from harness.machine_code.specimens import specimens
from harness.ops.catalogue import ACTIVATIONS, KERNEL_OPS
from harness.paper.rows import COST, read_claims
from harness.store.manifest import write_manifest
from harness.store.seal import seal
from reports.paper.build import build
from reports.paper.costs import PASSES, parts_of
from reports.paper.modelled import PLACES, modelled, sentence
from reports.paper.number_tables import modelled_table
from reports.paper.tables import show
from reports.paper.verify import verify
from tests.reports.paper.runs import PLAN, claims_run
from tests.reports.paper.test_build import HOSTILE
from tests.reports.runs import run_of

H100, H200 = ("H100 SXM", 3350.0), ("H200 SXM", 4800.0)


def counted(op, instructions, moved, variant="unit", role="main", devices=(H100,), **limits):
    """A row as `inspect` makes it; on every device after the first a resource allows half as much."""
    ceilings = tuple(
        Ceiling(name, peak, 1000.0, {"memory": 1.0} | {"issue": 8.0 / 2**n} | {k: v / 2**n for k, v in limits.items()})
        for n, (name, peak) in enumerate(devices)
    )
    return InspectedRow(
        op, variant, "float32", "sm_90", role=role, instructions_per_element=instructions,
        bytes_per_element=moved, ceilings=ceilings,
    )  # fmt: skip


MEMORY_BOUND = (
    counted("elu", 15.0, 8.0), counted("elu_backward", 12.0, 12.0),
    counted("relu", 2.0, 8.0, "default"), counted("relu_backward", 3.0, 12.0, "default"),
)  # fmt: skip


def of(*rows, **manifest):
    run = claims_run(plan=dataclasses.replace(PLAN, claims=("cost",)), cost=run_of(), **manifest)
    return dataclasses.replace(run, inspected=rows)


def test_both_bound_by_memory_is_what_the_sentence_says():
    said = sentence(of(*MEMORY_BOUND))
    assert "memory binds ELU just as it binds ReLU" in said
    assert "forward + backward, ELU executes 27.0 instructions per element and ReLU 5.0" in said
    assert "the same time" in said
    wider = [dataclasses.replace(each, bytes_per_element=10.0) if each.op == "elu" else each for each in MEMORY_BOUND]
    assert "the same time" not in sentence(of(*wider))


def test_another_bound_is_named_and_takes_its_part_of_the_time():
    rows = (counted("elu", 15.0, 8.0, fma=0.5), *MEMORY_BOUND[1:])
    forward, both = (each for each in modelled(of(*rows)) if each.op == "elu")
    assert (forward.ceiling, forward.bound_by, forward.issue_share) == (0.5, ("fma",), 1 / 8)
    assert (both.instructions, both.moved_bytes, both.bound_by) == (27.0, 20.0, ("fma", "memory"))
    assert both.ceiling == pytest.approx(20 / (8 / 0.5 + 12))
    said = sentence(of(*rows))
    assert "memory is not all that binds ELU and ReLU" in said
    assert "ELU is bound by fma to at most 50% of the memory's peak, and ReLU by memory" in said
    assert "just as" not in said


def test_the_kernels_of_the_nets_are_meant_with_all_that_they_launch():
    others = [counted("elu", 99.0, 8.0, variant) for variant in ("unit odd", "unscaled", "general", "result unit")]
    slopes = [
        counted("prelu", 4.0, 8.0, "last"), counted("prelu", 7.0, 8.0, "conv"),
        counted("prelu_backward", 7.0, 12.0, "last"), counted("prelu_backward", 0.5, 0.1, "last", role="stage2"),
    ]  # fmt: skip
    table = modelled_table(of(*others, *MEMORY_BOUND, *slopes))
    lines = {row[:2]: row[2:] for row in table.rows}
    assert lines["ELU", "forward"] == ("15.0", "8.00", "12", "100", "memory")
    assert lines["PReLU, linear", "forward + backward"][0] == "11.5"
    assert lines["PReLU, conv", "forward"][0] == "7.0"
    assert lines["PReLU, conv", "forward + backward"][-1] == lines["BN + ReLU", "both"][-1] == "not modelled"
    assert "BN + ReLU, not modelled: this suite has no kernel for it." in table.notes[0]


@pytest.mark.parametrize("op", [each for op in ACTIVATIONS for each in parts_of(op, PASSES[-1]) if each in KERNEL_OPS])
def test_inspect_gives_every_kernel_of_the_nets_the_name_that_is_looked_for(op):
    places = [PLACES[each.variant] for each in specimens(op, "float32") if each.variant in PLACES]
    assert places == (["last", "conv"] if op.startswith("prelu") else [""])


def test_the_runs_own_device_is_meant_where_its_datasheet_is_known():
    rows = [counted("elu", 15.0, 8.0, devices=(H100, H200), alu=1.5)]
    assert modelled(of(*rows))[0].ceiling == 1.0
    on_h200 = of(*rows, device={"kind": "cuda", "name": "NVIDIA H200"})
    assert (modelled(on_h200)[0].ceiling, modelled(on_h200)[0].bound_by) == (0.75, ("alu",))
    assert "on the H200 SXM (4800 GB/s)" in modelled_table(on_h200).title


def test_what_is_not_modelled_is_said():
    assert "Nothing is modelled: the run keeps no machine code" in modelled_table(of()).notes[0]
    failed = [InspectedRow(op, "unit", "float32", "sm_90", reason="no compiler") for op in ("elu", "elu_backward")]
    table = modelled_table(of(*failed))
    assert {row[-1] for row in table.rows} == {"not modelled"}
    assert "ELU cannot be held against ReLU here" in table.notes[0]
    assert "ELU, not modelled: no compiler." in table.notes[0]


@pytest.fixture
def stored(tmp_path):
    run = of(*MEMORY_BOUND, InspectedRow("leaky_relu", "default", "float32", "sm_90", reason=HOSTILE))
    for path, manifest in ((tmp_path / "run", run.manifest), (tmp_path / "run" / COST, run_of().manifest)):
        path.mkdir()
        write_manifest(path / "manifest.json", dataclasses.replace(manifest, inspected=path.name == COST))
        (path / "records.jsonl").touch()
    keep_rows(tmp_path / "run" / COST, run.inspected)
    seal(tmp_path / "run" / COST)
    seal(tmp_path / "run")
    build(read_claims(tmp_path / "run"))
    return tmp_path / "run"


def test_every_face_has_the_table_and_verify_computes_it_again(stored):
    assert verify(read_claims(stored)).is_intact
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show(read_claims(stored), console)
    page, text, table = (
        (stored / "report" / name).read_text(encoding="utf-8") for name in ("index.html", "report.md", "modelled.tex")
    )
    cells = ("ELU", "forward + backward", "27.0", "20.0", "12", "100", "memory")
    assert "".join(f"<td>{cell}</td>" for cell in cells) in page.replace(' class="n"', "")
    assert f"| {' | '.join(cells)} |" in text
    assert " & ".join(cells) in table
    shown = " ".join(console.export_text().split())
    assert "not modelled" in shown  # at 80 columns nothing is cut off
    assert " ".join(cells) in shown
    for face in (html.unescape(page), text, shown):
        assert "memory binds ELU just as it binds ReLU" in face
    assert "<script>" not in page + text
    assert "\x1b" not in page + text + table + shown
    (stored / "report" / "modelled.tex").write_text(table.replace("27.0", "2.7"), encoding="utf-8")
    assert [each.where for each in verify(read_claims(stored)).mismatches] == ["report/modelled.tex"]


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_takes_the_table(stored):
    paper = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{modelled}\\end{document}\n"
    (stored / "report" / "paper.tex").write_text(paper)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=stored / "report", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
