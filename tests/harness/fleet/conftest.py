"""One real Ray cluster on this machine for all tests of this folder, with as many nodes as each of them wants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

_NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
# Ray's workers are as nice as the tests beside them, which else would have them wait for minutes.
VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_worker_niceness": "0"}


class Machine:
    """The cluster. Each node is started as on a machine of its own, and has one CPU slot."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as Nodes

        self._nodes = Nodes(initialize_head=True, head_node_args={**_NODE, "include_dashboard": False})
        self.address = self._nodes.address

    def of(self, count: int) -> Machine:
        """The same with so many nodes."""
        while len(nodes := self._nodes.list_all_nodes()) != count:
            if len(nodes) < count:
                self._nodes.add_node(**_NODE)
            else:
                self._nodes.remove_node(nodes[-1])
        self._nodes.wait_for_nodes()
        return self

    def raylets(self) -> list[int]:
        """The process of each node that begins its workers, but of the head's."""
        return [node.all_processes["raylet"][0].process.pid for node in self._nodes.list_all_nodes()[1:]]

    def kill(self, raylet: int) -> None:
        """Kill the node of this process, at once."""
        node = self._nodes.list_all_nodes()[1:][self.raylets().index(raylet)]
        self._nodes.remove_node(node, allow_graceful=False)

    def end(self) -> None:
        self._nodes.shutdown()


@pytest.fixture(scope="package")
def machine() -> Iterator[Any]:
    pytest.importorskip("ray", reason="ray is not installed")
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    made = Machine()
    yield made
    made.end()
