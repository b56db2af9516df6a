"""The sweep of costs inside a claims run, and the machine code that it keeps."""

import os

import pytest

pytest.importorskip("triton.backends.nvidia")

from harness.cli import progress
from harness.device.devices import find_device
from harness.paper.plan import make_plan
from harness.paper.rows import COST, read_claims
from harness.paper.run import ClaimStore, make_manifest, measure_cost
from harness.store import manifest
from harness.store.files import Store
from harness.store.seal import BROKEN, SEALED, state, unseal
from harness.store.vocabulary import INSPECTION, RECORDS, RunError
from harness.sweeps import sweep
from reports.paper.verify import verify
from tests.harness.command import elubench, environment

PLAN, DEVICE = make_plan(True, ["cost"], [], "digits"), find_device("cpu")


@pytest.fixture
def begun(tmp_path):
    """A claims run that was cut short before its first record, with a provider that computes nothing, and soon."""
    run = tmp_path / "run"
    ClaimStore.create(run, make_manifest(PLAN, DEVICE, [])).close()
    (tmp_path / "nothing.py").touch()
    cases = {"providers": [str(tmp_path / "nothing.py")], "cases": [{"op": "elu", "shapes": [[8, 8]]}]}
    tiny = sweep.parse(cases | {"dtypes": ["float32"]}, "tiny")
    Store.create(run / COST, manifest.make_manifest(DEVICE, tiny.content(), [])).close()
    return run


@pytest.mark.slow
def test_machine_code_is_kept_once_and_sealed_with_the_run(begun, tmp_path, monkeypatch, capsys):
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton" / "__init__.py").write_text("raise ImportError('libLLVM is broken')")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), environment()["PYTHONPATH"])))
        measure_cost(PLAN, DEVICE, begun, inspect=True, live=progress.live)
    assert "machine code was not inspected: " in capsys.readouterr().err
    assert not (begun / COST / INSPECTION).exists()
    assert state(begun / COST) == SEALED

    measured = (begun / COST / RECORDS).read_bytes()
    done = elubench("claims", "--resume", begun, ELUBENCH_INSPECT="1")
    assert done.returncode == 0, done.stderr
    kept = begun / COST / INSPECTION
    rows = read_claims(begun).inspected
    assert {(row.op, row.dtype, row.arch, row.reason) for row in rows} == {("elu", "float32", "sm_90", None)}
    made = kept.stat().st_mtime_ns
    measure_cost(PLAN, DEVICE, begun, inspect=True, live=progress.live)
    assert ((begun / COST / RECORDS).read_bytes(), kept.stat().st_mtime_ns) == (measured, made)
    assert verify(read_claims(begun)).state == SEALED

    text = kept.read_text()
    kept.write_text(text.replace('"instructions_per_element": 1', '"instructions_per_element": 2', 1))
    assert verify(read_claims(begun)).state == BROKEN
    with pytest.raises(RunError, match="has been changed since it ended"):
        unseal(begun / COST)
    kept.unlink()
    assert verify(read_claims(begun)).state == BROKEN
