"""Fits the numbers of each device from plain streams: `python -m harness.predict.fit` writes devices.toml anew.

An H200's are from the roofs of the first run on one, which are streams that took turns with nothing of what is
predicted; other devices' are from streams that were published (streams.toml). Fitted is time = fixed + bytes / rate,
by least squares of the relative errors, over all streams of a device at once.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.device.datasheets import DATASHEETS, Datasheet
from harness.predict.devices import FILE
from harness.store.records import Record, read_run
from harness.store.vocabulary import Mix

STREAMS = Path(__file__).with_name("streams.toml")
RUN = Path(__file__).parents[2] / "results" / "nvidia-h200" / "default-2026-11-27"
OWN = "H200 SXM"  # the device of that run
_RATE_BYTES = 2**32  # a rate's stream is taken to be so large that its fixed time does not show
_LANES = 128  # of a multiprocessor, each a fused multiply-add in a clock

Value = tuple[float, str]  # and its source
Point = tuple[str, float, float]  # regime, bytes, microseconds


def fitted(run: Path = RUN, streams: Path = STREAMS) -> dict[str, dict[str, Value]]:
    """{device: {parameter: (value, source)}}, in the order in which one is like another that came before."""
    tables = tomllib.loads(streams.read_text(encoding="utf-8"))["device"]
    sheets = {each.name: each for each in DATASHEETS}
    found = {OWN: _own(run, sheets[OWN], tables[OWN])}
    for name, table in tables.items():
        if name != OWN:
            found[name] = _other(sheets[name], table, found[table["like"]], sheets[table["like"]])
    return found


def _own(run: Path, sheet: Datasheet, table: Mapping[str, Any]) -> dict[str, Value]:
    roofs = _roofs(run)
    points = fastest(roofs)
    reach = sheet.l2_mib * 2**20
    main, warm = [p for p in points if p[0] != "warm"], [p for p in points if p[0] == "warm" and p[1] <= reach]
    gbps, fixed = _line(main)
    l2_gbps, l2_fixed = _line(warm)
    name = name_of(run)
    source = f"{name}, roofs: {{}}"
    peak = sheet.multiprocessors * _LANES * 2 * sheet.clock_ghz * 1e9
    arithmetic = max(each.flops / (each.median_s or 1) for each in roofs if each.op == Mix.ARITHMETIC and each.flops)
    streams = "copies and triads, the fastest stream of each size"
    return {
        "memory_gbps": (gbps, source.format(f"{streams}, cold and in graphs")),
        "l2_gbps": (l2_gbps, source.format(f"{streams} that fits the L2, warm")),
        **{f"{regime}_us": (us, source.format(f"{streams}, {regime}")) for regime, us in {**fixed, **l2_fixed}.items()},
        "latency_us": _latency(sheet, table["occupancy"]),
        "clock_ghz": (sheet.clock_ghz, f"{name}: the clock before and after every record"),
        "sustained": (arithmetic / peak, source.format("the product of matrices in fp32, over the lanes' peak")),
    }


def name_of(run: Path) -> str:
    """What a stored run is called as a source: its folder in the checkout."""
    return f"results/{run.parent.name}/{run.name}"


def measured_stream_s(moved: int, regime: str, run: Path) -> float:
    """What the fastest plain stream of that many bytes took in the run."""
    return min(us for which, size, us in fastest(_roofs(run)) if (which, size) == (regime, moved)) * 1e-6


def _roofs(run: Path) -> list[Record]:
    return [each for each in read_run(run, samples=False).records if each.role == "roof" and each.median_s]


def fastest(roofs: Iterable[Record]) -> list[Point]:
    """The fastest copy or triad at each size and in each regime."""
    best: dict[tuple[str, str, float], float] = {}
    for each in roofs:
        mix = each.op if each.op in (Mix.COPY, Mix.TRIAD) else each.roof if each.op not in tuple(Mix) else None
        if mix in (Mix.COPY, Mix.TRIAD) and each.regime and each.median_s and each.bytes_moved:
            key = (each.regime, str(mix), each.bytes_moved)
            best[key] = min(best.get(key, np.inf), each.median_s * 1e6)
    return [(regime, size, us) for (regime, _, size), us in best.items()]


def _line(points: list[Point]) -> tuple[float, dict[str, float]]:
    """(1e9 bytes per second, fixed microseconds by regime)."""
    regimes = sorted({regime for regime, _, _ in points})
    rows = [[*(float(regime == each) / us for each in regimes), size / us] for regime, size, us in points]
    solved = np.linalg.lstsq(np.array(rows), np.ones(len(rows)), rcond=None)[0]
    return 1e-3 / float(solved[-1]), {each: float(us) for each, us in zip(regimes, solved, strict=False)}


def _latency(sheet: Datasheet, given: Mapping[str, Any]) -> Value:
    """Little's law, turned round: the loads under way over the rate of loading, which is half of what is moved."""
    under_way = sheet.multiprocessors * given["warps"] * 32 * given["bytes"]
    return under_way / (given["gbps"] / 2) / 1e3, given["source"]


def _other(sheet: Datasheet, table: Mapping[str, Any], like: Mapping[str, Value], other: Datasheet) -> dict[str, Value]:
    found = {name: (value, f"as the {other.name}'s") for name, (value, _) in like.items() if name != "l2_gbps"}
    found["memory_gbps"] = (
        like["memory_gbps"][0] * sheet.memory_gbps / other.memory_gbps,
        f"the {other.name}'s share of the datasheet's peak",
    )
    found["clock_ghz"] = (sheet.clock_ghz, "datasheet")
    found.pop("warm_us", None)
    if "occupancy" in table:
        found["latency_us"] = _latency(sheet, table["occupancy"])
    if "clock" in table:
        found["clock_ghz"] = (table["clock"]["ghz"], table["clock"]["source"])
    points: list[Point] = [("cold", each["bytes"], each["us"]) for each in table.get("streams", ())]
    if "rate" in table:
        found["memory_gbps"] = (table["rate"]["gbps"], table["rate"]["source"])
        points.append(("cold", _RATE_BYTES, _RATE_BYTES / table["rate"]["gbps"] / 1e3))
    if "streams" in table:
        gbps, fixed = _line(points)
        source = table["streams"][0]["source"].rpartition(",")[0]
        found["cold_us"] = (fixed["cold"], source)
        if "rate" not in table:
            found["memory_gbps"] = (gbps, source)
    return found


def to_toml(devices: Mapping[str, Mapping[str, Value]]) -> str:
    """The file of `devices.known`."""
    lines = [
        "# Made by `python -m harness.predict.fit` from streams.toml and from the roofs of a run; not to be edited."
    ]
    for name, values in devices.items():
        lines += ["", f'[device."{name}"]']
        lines += [
            f'{each} = {{ value = {value:.4g}, source = "{source}" }}' for each, (value, source) in values.items()
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write devices.toml."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m harness.predict.fit")
    parser.add_argument("--run", type=Path, default=RUN, help="a run on an H200 with roofs")
    FILE.write_text(to_toml(fitted(parser.parse_args().run)), encoding="utf-8")


if __name__ == "__main__":
    main()
