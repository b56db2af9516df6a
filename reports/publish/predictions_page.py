"""The numbers in docs/predictions.md: parameters, published times and what the model says of them, our own kernels."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from harness.ops.op import SHORT_DTYPES
from harness.predict.counts import EagerKernel, load
from harness.predict.devices import DeviceModel, known
from harness.predict.fit import measured_stream_s
from harness.predict.model import SIZES, KernelWork, predict, waits
from harness.predict.published import LATEST, HeldAgainst, held
from harness.store.vocabulary import Regime
from reports.figures.files import as_svg
from reports.figures.prediction import drawn
from reports.render.table import Column, Kind, Table, numbers, to_markdown, words
from reports.text.blocks import with_block
from reports.text.formatting import percent, significant, time_text

PAGE, FIGURE = "docs/predictions.md", "docs/figures/predictions.svg"
MEDIAN_BOUND, WORST_BOUND = 0.10, 0.30
_OURS = "results/"  # how the source of a row of this suite's own run begins
_PARAMETERS = ("memory_gbps", "l2_gbps", "cold_us", "graph_us", "warm_us", "latency_us", "clock_ghz", "sustained")


def parameters() -> Table:
    """Every parameter of every device, with its source."""
    lines = [
        (name, parameter, significant(_value(device, parameter), 4), device.sources[parameter])
        for name, device in known().items()
        for parameter in _PARAMETERS
        if parameter in device.sources
    ]
    return Table("", (*words("device", "parameter"), *numbers("value"), Column("from", Kind.PROSE)), tuple(lines))


def _value(device: DeviceModel, parameter: str) -> float:
    regime = parameter.removesuffix("_us")
    return float(device.fixed_us[regime] if regime in device.fixed_us else getattr(device, parameter))


def summary(found: Sequence[HeldAgainst]) -> Table:
    """How far the predictions are off, by what they are held against."""
    groups = {
        "published by others": [each for each in found if not each.row.source.startswith(_OURS)],
        "this suite's runs on an H200": [each for each in found if each.row.source.startswith(_OURS)],
        "all": list(found),
    }
    lines = []
    for name, rows in groups.items():
        errors = [abs(each.error) for each in rows]
        beyond = [sum(error > bound for error in errors) for bound in (MEDIAN_BOUND, WORST_BOUND)]
        lines.append((name, str(len(rows)), percent(statistics.median(errors), 1), percent(max(errors), 1),
                      str(beyond[0]), str(beyond[1])))  # fmt: skip
    return Table(
        "",
        (*words("held against"), *numbers("rows", "median error %", "worst %", "over 10%", "over 30%")),
        tuple(lines),
    )


def misses(found: Sequence[HeldAgainst]) -> Table:
    """The rows of which the model is more than 10% off, the worst first."""
    missed = sorted((each for each in found if abs(each.error) > MEDIAN_BOUND), key=lambda each: -abs(each.error))
    return _rows(missed)


def every_row(found: Sequence[HeldAgainst]) -> Iterator[str]:
    """A table for each source."""
    for source, alike in groupby(found, key=lambda each: each.row.source):
        yield from (f"**{source}**", "", *to_markdown(_rows(list(alike))), "")


def _rows(found: Sequence[HeldAgainst]) -> Table:
    lines = tuple(
        (
            each.row.device, f"{each.row.kernel}, {each.row.by}", SHORT_DTYPES.get(each.row.dtype, each.row.dtype),
            f"{each.row.elements:,}".replace(",", " "), each.row.regime, time_text(each.row.seconds),
            time_text(each.predicted.seconds), f"{100 * each.error:+.1f}", each.predicted.bound_by,
        )
        for each in found
    )  # fmt: skip
    columns = (
        *words("device", "kernel", "dtype"), Column("elements"), *words("regime"),
        *numbers("published", "modelled", "error %"), *words("binds"),
    )  # fmt: skip
    return Table("", columns, lines)


def two() -> Table:
    """The two ratios that a model of memory alone cannot give."""
    rows = {(each.row.device, each.row.by, each.row.kernel, each.row.dtype, each.row.elements): each for each in held()}
    small, hard = (rows["H200 SXM", "eager", name, "float16", 10485760] for name in ("elu", "hardtanh"))
    large = rows["H200 SXM", "eager", "elu", "float16", 2**28]
    half, single = (rows["B200", "CUB", "sigmoid", dtype, 2**28] for dtype in ("float16", "float32"))
    stream = predict([load()[EagerKernel("relu", "float16", 8, "sm_90").key]], known()["H200 SXM"], 2**28, Regime.COLD)
    lines = [
        ("eager ELU over hardtanh, H200, fp16, 1024 × 10240 (TileOPs)",
         _ratio(hard.row.seconds / small.row.seconds), _ratio(hard.predicted.seconds / small.predicted.seconds)),
        ("eager ELU over a plain stream, H200, fp16, 16384²; published: this suite's run",
         _ratio(measured_stream_s(2**30, Regime.COLD, LATEST) / large.row.seconds),
         _ratio(stream.seconds / large.predicted.seconds)),
        *((f"sigmoid over the datasheet's peak, B200, {name}, 2^28 (CUB)", _peak(each.row.seconds, each),
           _peak(each.predicted.seconds, each)) for name, each in (("fp16", half), ("fp32", single))),
    ]  # fmt: skip
    return Table("", (*words("what"), *numbers("published", "modelled")), tuple(lines))


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _peak(seconds: float, each: HeldAgainst) -> str:
    return f"{each.predicted.bytes_moved / seconds / 1e9 / known()[each.row.device].sheet.memory_gbps:.2f}"


def ours() -> Table:
    """What else than memory our own kernels wait for, where it takes more than half of the memory's time."""
    lines = []
    for device in (known()[name] for name in ("H200 SXM", "B200")):
        for (op, variant, dtype), works in _own_works(device.sheet.arch):
            found = waits(works[0], device, SIZES[-1], Regime.GRAPH)
            memory = found.pop("memory")
            busiest = max(found, key=lambda name: found[name])
            if found[busiest] > memory / 2:
                lines.append((device.sheet.name, op, variant, SHORT_DTYPES[dtype], busiest,
                              percent(found[busiest] / memory)))  # fmt: skip
    columns = (*words("device", "op", "variant", "dtype", "next"), *numbers("% of the memory's time"))
    return Table("", columns, tuple(lines))


def _own_works(arch: str) -> Iterator[tuple[tuple[str, str, str], list[KernelWork]]]:
    names = [key.split(", ") for key in load() if key.startswith("triton, ")]
    of_arch = [(tuple(each[1:4]), load()[", ".join(each)]) for each in names if each[4] == arch]
    for key, alike in groupby(of_arch, key=lambda pair: pair[0]):
        yield (key[0], key[1], key[2]), [work for _, work in alike]


def files(root: Path) -> dict[Path, bytes]:
    """The page with its blocks made anew, and its figure, where there is a page."""
    path = root / PAGE
    if not path.exists():
        return {}
    found = held()
    blocks = {
        "summary": to_markdown(summary(found)), "two": to_markdown(two()), "misses": to_markdown(misses(found)),
        "parameters": to_markdown(parameters()), "ours": to_markdown(ours()), "rows": every_row(found),
    }  # fmt: skip
    text = path.read_text(encoding="utf-8")
    for name, lines in blocks.items():
        text = with_block(text, name, "\n".join(lines), PAGE)
    return {path: text.encode(), root / FIGURE: as_svg(drawn(found))}
