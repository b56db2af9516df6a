"""What the model knows of a device: a handful of numbers, each with its source, from `devices.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.device.datasheets import DATASHEETS, Datasheet

FILE = Path(__file__).with_name("devices.toml")


class PredictError(ValueError):
    """What cannot be predicted; the message names the fault and the mend."""


@dataclass(frozen=True)
class DeviceModel:
    """One device.

    Args:
        memory_gbps: what a plain stream attains, 1e9 bytes per second.
        l2_gbps: the same from the level-2 cache; None where nobody has published one.
        fixed_us: what the smallest stream takes, by regime ("cold", with events around it; "graph"; "warm").
        latency_us: of that, what a load and a store take on a device that does nothing else.
        clock_ghz: of the multiprocessors under load.
        sustained: the share of its turns that a kernel gets from a busy pipe or from the issue of instructions.
        sources: where each number is from.
    """

    sheet: Datasheet
    memory_gbps: float
    l2_gbps: float | None
    fixed_us: Mapping[str, float]
    latency_us: float
    clock_ghz: float
    sustained: float
    sources: Mapping[str, str]


@cache
def known(path: Path = FILE) -> Mapping[str, DeviceModel]:
    """The devices of the file, by the name of their datasheet."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["device"]
    sheets = {each.name: each for each in DATASHEETS}
    return {name: _device(sheets[name], table) for name, table in tables.items()}


def _device(sheet: Datasheet, table: dict[str, dict[str, Any]]) -> DeviceModel:
    values = {name: each["value"] for name, each in table.items()}
    regimes = ("cold", "graph", "warm")
    return DeviceModel(
        sheet,
        memory_gbps=float(values["memory_gbps"]),
        l2_gbps=float(values["l2_gbps"]) if "l2_gbps" in values else None,
        fixed_us={each: float(values[f"{each}_us"]) for each in regimes if f"{each}_us" in values},
        latency_us=float(values["latency_us"]),
        clock_ghz=float(values["clock_ghz"]),
        sustained=float(values["sustained"]),
        sources={name: str(each["source"]) for name, each in table.items()},
    )


def chosen(names: Sequence[str]) -> list[DeviceModel]:
    """The devices that were asked for: by name, or by the first word of it where that is one ("H100", "B200").

    Raises PredictError.
    """
    found = []
    for name in names:
        fits = [each for each in known() if each.lower() == name.lower()]
        fits = fits or [each for each in known() if each.lower().startswith(name.lower())]
        if not fits:
            raise PredictError(f"nothing is known of a device {name!r}; choose from {', '.join(known())}")
        found.append(known()[fits[0]])
    return found


def of_driver_name(name: str) -> DeviceModel | None:
    """The device that the driver calls so."""
    return next((each for each in known().values() if name in each.sheet.driver_names), None)
