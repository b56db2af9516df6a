"""Which physical device measured: two of one model are two devices, and their times are not one population."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from harness.device.devices import Device


@dataclass(frozen=True)
class Placement:
    """Where a physical device is, and which one of its model it is."""

    node: str  # the name of its machine
    uuid: str | None = None  # of a GPU, as NVIDIA's tools print it; a CPU is told by its machine
    driver: str | None = None  # the version of NVIDIA's driver there
    ray_node: str | None = None  # Ray's id of the node that it was used through; None: without Ray

    @property
    def identity(self) -> tuple[str, str | None]:
        """What two placements of one physical device have in common, whatever engine used it."""
        return (self.node, self.uuid)


def placement_of(device: Device, driver: str | None, ray_node: str | None = None) -> Placement:
    """Where `device`, which is one of this machine's, is. A CPU has neither a UUID nor a driver."""
    is_gpu = device.kind == "cuda"
    return Placement(platform.node(), uuid_of(device) if is_gpu else None, driver if is_gpu else None, ray_node)


def uuid_of(device: Device) -> str | None:
    """The UUID of a GPU in the form of NVIDIA's tools; None where torch is too old to tell."""
    import torch

    uuid = getattr(torch.cuda.get_device_properties(device.torch_device), "uuid", None)
    if uuid is None:
        return None
    return str(uuid) if str(uuid).startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
