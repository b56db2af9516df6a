"""A Ray cluster: its nodes, and objects and calls on their slots. The one module that imports ray, where it is used."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from harness.plumbing.errors import first_line

# Nothing is reported to anybody, and nothing is printed between our own lines.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_STORE_BYTES = 100 * 2**20  # of a cluster that is started here: records are small
_RETRIES = 3  # of a call whose worker or node died
_KNOCK_S = 10.0
LOCAL = "local"


class FleetError(ValueError):
    """A cluster that cannot be used; the message names the fault and the mend."""


class Lost(Exception):
    """A call that has no answer, as its worker or its node died; why, in words."""


@dataclass(frozen=True)
class ClusterNode:
    """A machine of the cluster, with what Ray may give away of it."""

    id: str
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Slots:
    """What a worker has of its node for itself."""

    node: ClusterNode
    cpus: int
    gpus: int = 0


class Call:
    """A call that was made on a node, and its answer."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference

    def answer(self) -> Any:
        """What the call returned, once `wait` has said that it is done. Raises Lost."""
        import ray

        try:
            return ray.get(self.reference, timeout=60)
        except ray.exceptions.RayTaskError as error:  # what the code itself raised
            raise Lost(first_line(error.cause) or repr(error.cause)) from error
        except ray.exceptions.RayError as error:
            raise Lost(_why(error)) from error


class Remote:
    """An object that lives in a process of its own on a node, with its slots for itself until it is stopped."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def call(self, method: str, *arguments: Any) -> Call:
        """Begin a call; the object answers one at a time."""
        return Call(self._actor.do.remote(method, *arguments))

    def stop(self) -> None:
        """End its process, whatever it is doing, and give its slots back."""
        import ray

        ray.kill(self._actor, no_restart=True)


class _Actor:
    """Around an object of ours, which is made where it is to live."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._object = make()

    def do(self, method: str, *arguments: Any) -> Any:
        return getattr(self._object, method)(*arguments)


class Cluster:
    """A connection to a cluster; one that was started here ends with it."""

    def __init__(self, address: str) -> None:
        """Connect to "auto" (the cluster that this machine is in), to HOST:PORT, or start one here: LOCAL.

        Raises FleetError.
        """
        if importlib.util.find_spec("ray") is None:
            raise FleetError("--engine ray needs Ray: pip install 'elubench[ray]'")
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        _knock(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
        import ray

        from harness.device.devices import usable_cores

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": None}
        if address == LOCAL:
            quiet |= {"include_dashboard": False, "num_cpus": usable_cores(), "object_store_memory": _STORE_BYTES}
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
            raise _no_cluster(address, error) from error
        # Ray prints pages about what has died, whatever it is told of logs; who is asked for an answer says it in one.
        vars(ray._private.worker)["print_to_stdstream"] = lambda *_, **__: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()

    def nodes(self) -> list[ClusterNode]:
        """The nodes that are alive."""
        import ray

        return [
            ClusterNode(each["NodeID"], int(each["Resources"].get("CPU", 0)), int(each["Resources"].get("GPU", 0)))
            for each in ray.nodes()
            if each["Alive"]
        ]

    def place(self, make: Callable[[], Any], slots: Slots) -> Remote:
        """Have an object made on a node; it begins to live when its slots are free."""
        import ray

        actor = ray.remote(_Actor).options(
            num_cpus=slots.cpus, num_gpus=slots.gpus, max_restarts=0, max_task_retries=0, scheduling_strategy=_on(slots)
        )
        return Remote(actor.remote(make))

    def spread(self, function: Callable[..., Any], items: Iterable[Any], shared: Any) -> Generator[Any, None, None]:
        """`function(item, shared)` of every item, in the order in which they are done, on one CPU slot each.

        A call whose worker or node dies is made again, a few times. Raises Lost where that does not help.
        Leaving it early ends the calls.
        """
        import ray

        remote = ray.remote(function).options(num_cpus=1, max_retries=_RETRIES)
        everywhere, todo = ray.put(shared), iter(items)
        calls: list[Call] = []
        try:
            while True:
                at_once = 2 * max(1, sum(node.cpus for node in self.nodes()))
                for item in todo:
                    calls.append(Call(remote.remote(item, everywhere)))
                    if len(calls) >= at_once:
                        break
                if not calls:
                    return
                for done in wait(calls, None):
                    calls.remove(done)
                    yield done.answer()
        finally:
            for call in calls:
                ray.cancel(call.reference, force=True)


def _knock(address: str) -> None:
    """Raise FleetError where nobody listens at HOST:PORT: Ray itself would try again for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: Exception) -> FleetError:
    return FleetError(
        f"there is no Ray cluster at --address {address} ({first_line(error)}); start one with 'ray start --head', "
        "or leave it to elubench with --address local"
    )


def wait(calls: Sequence[Call], timeout_s: float | None) -> list[Call]:
    """Those of the calls that are done: at least one, unless none is before the timeout."""
    import ray

    by_reference = {call.reference: call for call in calls}
    done, _ = ray.wait(list(by_reference), num_returns=1, timeout=timeout_s)
    if done:  # and all that are done by now
        done, _ = ray.wait(list(by_reference), num_returns=len(by_reference), timeout=0)
    return [by_reference[each] for each in done]


def _on(slots: Slots) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(slots.node.id, soft=False)


def _why(error: Exception) -> str:
    """Ray's reason, without its advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines[1:] if line.startswith(("The actor died", "The node", "ModuleNotFound"))), "")
    return (told or (lines[0] if lines else type(error).__name__))[:300]
