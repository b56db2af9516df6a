"""A real Ray cluster of two nodes: parts of a proof over its slots; and what is said where there is no cluster."""

import os
import sys
import time

import pytest

from harness.device.devices import find_device
from harness.fleet.cluster import Cluster, FleetError
from harness.plumbing.processes import called_apart
from harness.proof.rows import read_proof
from harness.proof.run import ProofProgress, ProofStore, here, make_manifest, make_plan, measure, on_cluster
from tests.harness.command import elubench

TOLD = ProofProgress(lambda count: None, lambda rows: None)


def where_it_runs(item, shared):
    import ray

    time.sleep(0.3)
    return item + shared, ray.get_runtime_context().get_node_id()


def dies_once(item, shared):
    """Ends its process the first time that it sees the item."""
    if item == 1 and not os.path.exists(shared):
        open(shared, "x").close()
        os._exit(3)
    return item


def nothing(text):
    """What a plan says of itself while it is made."""


@pytest.mark.slow
def test_calls_are_spread_over_the_nodes_and_made_again_where_a_worker_dies(machine, tmp_path):
    with Cluster(machine.of(2).address) as cluster:
        found = list(cluster.spread(where_it_runs, range(8), 100))
        assert sorted(value for value, _ in found) == list(range(100, 108))
        assert {node for _, node in found} == {node.id for node in cluster.nodes()}
        assert sorted(cluster.spread(dies_once, range(4), str(tmp_path / "seen"))) == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_proof_over_two_nodes_has_the_rows_of_one_machine(machine, tmp_path):
    pytest.importorskip("numba", reason="numba is not installed")
    plan = called_apart(make_plan, "elu", ["bfloat16"], "triton", "sm_90", None, nothing)
    assert len(list(plan.parts())) >= 2
    manifest = make_manifest(plan, find_device("cpu"), [])
    with ProofStore.create(tmp_path / "one", manifest) as store:
        measure(plan, here(1), store, TOLD)
    with ProofStore.create(tmp_path / "two", manifest) as store, Cluster(machine.of(2).address) as cluster:
        measure(plan, on_cluster(cluster), store, TOLD)
    one, two = read_proof(tmp_path / "one"), read_proof(tmp_path / "two")
    assert one.missing() == two.missing() == 0
    assert one.rows == two.rows


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(FleetError, match=r"pip install 'elubench\[ray\]'"):
        Cluster("auto")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--on", "H100"), "--on is for a cluster; add --engine ray, or leave it out"),
        (("run", "--engine", "ray", "--device", "cpu"), "name models of the cluster's devices by --on"),
        (("run", "--engine", "ray", "--on", "cpu,H100"), "--on names cpu beside GPUs"),
        (("prove", "--engine", "ray", "--processes", "2"), "--processes is of this machine"),
        (("run", "--engine", "ray", "--address", "127.0.0.1:1"), "there is no Ray cluster at --address 127.0.0.1:1"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_one_sentence(arguments, said, tmp_path):
    done = elubench(*arguments, "--out", tmp_path / "run", RAY_ADDRESS="")
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_model_that_the_cluster_has_not_is_one_sentence(machine, tmp_path):
    where = ("--engine", "ray", "--address", machine.of(2).address)
    done = elubench("run", "--op", "elu", "--shape", "64", *where, "--on", "H100", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert f"the cluster has no device of model 'H100'; it has {find_device('cpu').name}" in done.stderr
    assert not (tmp_path / "run").exists()
