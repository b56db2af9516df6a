"""Two scripted GPUs of two models, one Ray worker each: every case on both, told apart in every record."""

import json

import pytest

from harness.store.fleet import slow_devices
from tests.harness.command import ROOT
from tests.harness.fleet.conftest import VARIABLES
from tests.harness.scripted_gpu.command import KERNEL_S, PLUGIN, on_gpu, whole
from tests.harness.scripted_gpu.devices import VARIABLE

pytestmark = pytest.mark.slow
SWEEP = """
providers = ["eager"]
dtypes = ["float32"]
regimes = ["graph"]
case_timeout_s = 120
[stop]
min_samples = 12
max_samples = 12
warmup_seconds = 0.0
[[cases]]
op = "elu"
shapes = [[32, 64], [33, 64]]
"""


@pytest.fixture
def box(monkeypatch):
    """The address of a cluster of one machine with two GPUs, whose workers find them as scripted ones."""
    pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", f"{PLUGIN}:{ROOT}")
    monkeypatch.setenv(VARIABLE, json.dumps({"kernel_s": KERNEL_S}))
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    head = {"num_cpus": 2, "num_gpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    yield made.address
    made.shutdown()


def test_every_case_is_measured_on_each_model_and_a_resumed_run_measures_none_again(box, tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    where = ("--engine", "ray", "--address", box)
    told = on_gpu(
        "run", "--sweep", tmp_path / "sweep.toml", *where, "--on", "Scripted 1,scripted 0", "--out", tmp_path / "run"
    )
    assert told.returncode == 0, told.stderr
    assert "sweep: 2 cases on 1 × Scripted 1, 1 × Scripted 0" in told.stderr and "[4/4]" in told.stderr

    run = whole(tmp_path / "run")
    assert run.manifest.models == ("Scripted 1", "Scripted 0")
    assert run.manifest.driver == "scripted" and "why" not in run.manifest.health["gpu"]
    assert [each.placement.uuid for each in run.manifest.fleet] == ["GPU-scripted-1", "GPU-scripted-0"]
    assert all(each.check is not None for each in run.manifest.fleet) and slow_devices(run.manifest.fleet) == []
    found = {(record.case_key, record.device) for record in run.records if record.role == "provider"}
    assert len(found) == 4
    for record in run.records:
        assert record.outcome == "ok"
        assert record.placement.uuid == f"GPU-scripted-{record.device[-1]}"
        assert record.placement.driver == "scripted"
    assert len({record.key for record in run.records}) == len(run.records)

    again = on_gpu("run", "--resume", tmp_path / "run", *where)
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("stored before") == 4
    assert whole(tmp_path / "run").records == run.records
