"""What is said of a table of conformance: each cell, each fail with its lines, and the finding in README."""

from __future__ import annotations

import pytest

from harness.conformance.rows import Conformance, ConformRow, RowStatus, read, write
from harness.store.vocabulary import RunError
from reports.conformance.page import text
from reports.conformance.tables import overview, sentence
from reports.publish import conformance_page
from reports.text.blocks import marks
from tests.harness.command import ROOT

LINES = ("import torch", "x = torch.zeros(1)", 'print(x, "where 1 is true")')


def row(provider, check="near 0⁻", dtype="float32", status=RowStatus.PASS, **others):
    return ConformRow(provider, check, "elu", dtype, "about x", status, **others)


def fail(provider, **others):
    return row(provider, status=RowStatus.FAIL, input="-1e-9", got="0", true="-1e-9", reproduce=LINES, **others)


FOUND = Conformance(
    device="a | CPU",
    created="2026-11-27T19:00:00+00:00",
    rows=(
        row("ours", dtype="bfloat16"), row("ours"), fail("theirs"), row("theirs", dtype="bfloat16"),
        row("absent", status=RowStatus.NOT_OFFERED, note="it is not installed: pip install it"),
        row("narrow"), row("narrow", dtype="bfloat16", status=RowStatus.NOT_OFFERED, note="it has no bfloat16"),
    ),
)  # fmt: skip


def test_a_cell_names_the_dtypes_where_they_differ():
    table = overview(FOUND)
    cells = dict(zip((column.name for column in table.columns), table.rows[0], strict=True))
    assert (cells["ours"], cells["theirs"], cells["narrow"]) == ("pass", "FAIL fp32", "pass fp32")
    assert "absent" not in cells and "absent: 1 not offered" in table.notes


def test_the_sentence_names_who_passes_and_who_fails():
    assert sentence(FOUND) == (
        "Of 3 providers on a | CPU, ours and narrow pass all that they offer. Near 0⁻, where ELU is about x, "
        "the result is 0 or has lost most digits in theirs (fp32)."
    )


def test_the_page_has_the_lines_and_the_reasons_and_nothing_of_it_breaks_a_table():
    page = text(FOUND)
    assert "\n".join(f"    {line}" for line in LINES) in page
    assert "- narrow: it has no bfloat16" in page and "a \\| CPU" in page


def test_a_published_table_is_in_the_index_and_in_readme(tmp_path):
    folder = tmp_path / "results" / "some-cpu" / "conform"
    write(FOUND, folder)
    readme = tmp_path / "README.md"
    readme.write_text("\n".join(marks(conformance_page.BLOCK)) + "\n")
    made = conformance_page.files(tmp_path, {tmp_path / "results" / "README.md": b"# Published runs\n"})
    assert made[folder / "report" / "report.md"].decode() == text(FOUND)
    assert "(results/some-cpu/conform/report/report.md)" in made[readme].decode()
    index = made[tmp_path / "results" / "README.md"].decode()
    assert index.startswith("# Published runs\n") and "(some-cpu/conform/report/report.md)" in index


def test_what_the_published_table_found():
    """On a CPU, without being told where; our kernels and Inductor's for CUDA by the emulated GPU."""
    found = read(ROOT / "results" / "intel-xeon" / "conform")
    failed = {(each.provider, each.op, each.check) for each in found.of(RowStatus.FAIL)}
    near_zero = {name for name, _, check in failed if check == "near 0⁻"}
    assert near_zero == {"compile", "onnxruntime", "tensorflow", "flaggems"}
    assert ("inductor", "elu", "subnormals") in failed
    assert {name for name, _, check in failed if check == "input_scale ≠ 1"} == {"flaggems"}
    assert ("compile", "elu_backward", "in place, alpha < 0") in failed
    assert ("eager", "elu_backward", "in place, scale < 0") in failed
    assert {each.status for each in found.rows if each.provider == "triton"} == {RowStatus.PASS}
    assert all(len(each.reproduce) == 3 for each in found.of(RowStatus.FAIL))


def test_a_file_that_is_no_table_is_said(tmp_path):
    folder = tmp_path / "results" / "some-cpu" / "conform"
    folder.mkdir(parents=True)
    (folder / "conform.json").write_text("{}")
    with pytest.raises(RunError, match="cannot be read"):
        conformance_page.files(tmp_path, {})
