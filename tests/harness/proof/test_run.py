"""A proof as a user makes it: real processes, killed and gone on with."""

import json
import shutil
import signal
import time

import pytest

from harness.proof.rows import read_proof
from harness.store.seal import SEALED, state
from harness.store.vocabulary import RECORDS
from tests.harness.command import PROVIDERS, elubench, start

pytestmark = pytest.mark.slow
STRETCH = ("prove", "--op", "elu", "--dtype", "float32", "--between", "-0.9", "-1e-3")  # 10 binades
WRONG_AT_ONE = """
import triton
import triton.language as tl
from kernels.ops.elu import unit

@triton.jit
def kernel(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i)
    tl.store(out + i, tl.where(value == -1.2345678, -0.5, unit(value, 1.0, 1.0, 1.0)))

def elu(x, alpha, scale, input_scale, out):
    kernel[(x.numel() // 512,)](x, out, BLOCK=512)
"""


def lines(run):
    return sorted((run / RECORDS).read_text().splitlines())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("proof") / "run"
    done = elubench(*STRETCH, "--processes", "1", "--out", run, ELUBENCH_REPORT="1")
    assert done.returncode == 0, done.stderr
    return run, done


def test_a_proof_ends_with_a_table_a_seal_and_a_report(whole):
    run, done = whole
    assert "left: elu, float32, forward" in done.stderr
    assert "0.9808" in done.stdout
    assert state(run) == SEALED
    stored = read_proof(run)
    assert stored.missing() == 0
    assert [row.inputs for row in stored.rows] == [2**23] * 10
    assert max(row.max_ulp for row in stored.rows) == pytest.approx(0.9808, abs=1e-4)
    assert {each.name for each in (run / "report").iterdir()} == {"report.md", "proof.csv", "proof.tex", "figures"}
    verified = elubench("verify", run)
    assert (verified.returncode, "10 records" in verified.stdout) == (0, True), verified.stdout


def test_killed_and_gone_on_with_by_two_processes_it_stores_the_same_rows(whole, tmp_path):
    run = tmp_path / "run"
    with start(*STRETCH, "--processes", "1", "--out", run) as process:
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            if (run / RECORDS).exists() and (run / RECORDS).stat().st_size:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = (run / RECORDS).read_bytes()
    assert 0 < before.count(b"\n") < 10
    (run / RECORDS).write_bytes(before + b'{"schema": 3, "op": "el')  # a row cut short
    done = elubench("prove", "--resume", run, "--processes", "2", "--no-report")
    assert done.returncode == 0, done.stderr
    assert not (run / "report").exists()
    assert lines(run) == lines(whole[0])
    assert state(run) == SEALED


def test_one_wrong_output_among_all_is_found_with_its_input(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(WRONG_AT_ONE)
    given = ("--dtype", "float32", "--between", "-1.5", "-1.2", "--provider", path, "--out", tmp_path / "run")
    done = elubench("prove", *given)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "ULP, where 4 are allowed: -0.5 of -1.23456776 (bits bf9e0651)" in last, last
    row = read_proof(tmp_path / "run").rows[0]
    assert (row.outcome, row.worst.input) == ("rejected", "bf9e0651")


def test_a_flush_of_subnormals_is_counted(tmp_path):
    given = ("--dtype", "bf16", "--provider", PROVIDERS / "triton_libdevice.py", "--out", tmp_path / "run")
    done = elubench("prove", *given)
    assert done.returncode == 0, done.stderr
    assert sum(row.flushed for row in read_proof(tmp_path / "run").rows) == 3 * 127
    assert "flushed" in done.stdout


def test_what_cannot_be_proved_is_said(tmp_path):
    product = elubench("prove", "--dtype", "bf16", "--provider", PROVIDERS / "triton_product.py", "--out", tmp_path)
    assert product.returncode == 1
    assert "cannot be run" in product.stderr
    assert "Traceback" not in product.stderr
    eager = elubench("prove", "--dtype", "bf16", "--provider", "eager", "--out", tmp_path)
    assert (eager.returncode, "no Triton kernel" in eager.stderr) == (1, True)
    assert elubench("prove", "--op", "relu").returncode == 2
    assert elubench("prove", "--resume", tmp_path / "nowhere").returncode == 2


@pytest.mark.parametrize(
    ("field", "value"), [("max_ulp", 0.25), ("inputs", 5), ("not_correctly_rounded", 0), ("outcome", "rejected")]
)
def test_an_edited_row_does_not_verify(whole, tmp_path, field, value):
    run = shutil.copytree(whole[0], tmp_path / "run")
    stored = (run / RECORDS).read_text().splitlines()
    row = json.loads(stored[-3])
    assert row[field] != value
    row[field] = value
    (run / RECORDS).write_text("\n".join([*stored[:-3], json.dumps(row), *stored[-2:]]) + "\n")
    (run / "seal.json").unlink()
    shutil.rmtree(run / "report")
    done = elubench("verify", run)
    assert done.returncode == 1
    assert field in done.stdout.split("seal removed")[1]


def test_cite_and_show_take_it_whole(whole, tmp_path):
    shown = elubench("show", whole[0])
    assert (shown.returncode, "misrounded" in shown.stdout) == (0, True)
    assert elubench("show", whole[0], "--op", "elu").returncode == 2
    cited = elubench("cite", whole[0], "--out", tmp_path / "cited")
    assert cited.returncode == 0, cited.stderr
    assert {each.name for each in (tmp_path / "cited").iterdir()} == {"elubench.bib", "table.tex", "sentences.tex"}
    assert "ULP at most" in (tmp_path / "cited" / "sentences.tex").read_text()
