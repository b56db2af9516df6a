"""The predicted curve of every counted kernel: its time by size, on a device, in a regime."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from harness.machine_code.rows import InspectedRow
from harness.predict.devices import DeviceModel
from harness.predict.model import SIZES, KernelWork, Prediction, predict, work_of


@dataclass(frozen=True)
class PredictedCurve:
    """One kernel of one op, with what it launches beside it, on one device. Modelled, every number of it."""

    op: str
    variant: str
    dtype: str
    provider: str
    device: str
    regime: str
    points: tuple[Prediction, ...]


def works(rows: Iterable[InspectedRow]) -> dict[tuple[str, str, str, str, str], list[KernelWork]]:
    """{(op, variant, dtype, provider, arch): what it launches, the main kernel first}; without what is not counted."""
    found: dict[tuple[str, str, str, str, str], list[KernelWork]] = {}
    for row in sorted(rows, key=lambda row: row.role != "main"):  # which keeps the order of each
        if row.instructions_per_element is not None and row.ceilings and row.occupancy:
            found.setdefault((row.op, row.variant, row.dtype, row.provider, row.arch), []).append(work_of(row))
    return found


def curves(
    rows: Sequence[InspectedRow], devices: Iterable[DeviceModel], regime: str, sizes: Sequence[int] = SIZES
) -> list[PredictedCurve]:
    """The curves on each device of the kernels that are compiled for it. Raises PredictError."""
    counted = works(rows)
    return [
        PredictedCurve(
            op, variant, dtype, provider, device.sheet.name, regime,
            tuple(predict(launched, device, size, regime) for size in sizes),
        )
        for device in devices
        for (op, variant, dtype, provider, arch), launched in counted.items()
        if arch == device.sheet.arch
    ]  # fmt: skip


def to_json(found: Iterable[PredictedCurve]) -> str:
    """The curves as a JSON list."""
    plain = []
    for curve in found:
        points = [asdict(each) | {"gbps": each.gbps} for each in curve.points]
        plain.append({"kind": "modelled", **asdict(curve), "points": points})
    return json.dumps(plain, indent=1, allow_nan=False, ensure_ascii=False)
