"""Published times, and what the model says of each: rows of `published.toml`, and of this suite's own runs on an H200.

No parameter is fitted to any of them. Of the runs they are the rows of eager PyTorch and of torch.compile.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.ops.op import ITEM_BYTES
from harness.predict.counts import EagerKernel, KernelText, inductor_key, load
from harness.predict.devices import DeviceModel, known
from harness.predict.fit import OWN, RUN, name_of
from harness.predict.model import KernelWork, Prediction, predict
from harness.predict.of_run import variant_of
from harness.store.records import Record, read_run
from harness.store.vocabulary import RECORDS, Regime

FILE = Path(__file__).with_name("published.toml")
LATEST = RUN.with_name("default")
RUNS = (RUN, RUN.with_name("activations"), LATEST)
_EAGER = ("elu", "elu_backward", "relu", "relu_backward")  # of which PyTorch has one kernel each
_OF_THREE_TENSORS = ("add", "maximum", "swiglu", "relu² backward", "elu_backward", "relu_backward")


@dataclass(frozen=True)
class PublishedRow:
    """One time that someone measured and published, and the kernel that stands for what was timed."""

    device: str
    kernel: str
    by: str
    dtype: str
    elements: int
    regime: str
    seconds: float
    source: str
    counts_key: str

    @property
    def bytes_moved(self) -> int:
        return _bytes_moved(self.kernel, self.dtype, self.elements)

    @property
    def gbps(self) -> float:
        return self.bytes_moved / self.seconds / 1e9


@dataclass(frozen=True)
class HeldAgainst:
    """A published row, and what the model says of it."""

    row: PublishedRow
    predicted: Prediction

    @property
    def error(self) -> float:
        """Predicted over published time, less one: negative where the model promises too much."""
        return self.predicted.seconds / self.row.seconds - 1


def held(path: Path = FILE) -> list[HeldAgainst]:
    """Every published row whose kernel is counted, in order, with its prediction."""
    works, devices = load(), known()
    return [HeldAgainst(row, _predicted(row, works, devices)) for row in rows(path) if row.counts_key in works]


def _predicted(row: PublishedRow, works: Mapping[str, KernelWork], devices: Mapping[str, DeviceModel]) -> Prediction:
    return predict([works[row.counts_key]], devices[row.device], row.elements, row.regime)


def rows(path: Path = FILE) -> Iterator[PublishedRow]:
    """The rows of the file, then those of this suite's runs where they are there, as in a checkout."""
    yield from of_file(path)
    for run in (each for each in RUNS if (each / RECORDS).exists()):
        yield from (row for each in read_run(run, samples=False).records if (row := _of_record(each, name_of(run))))


def of_file(path: Path = FILE) -> Iterator[PublishedRow]:
    """The rows that others have published."""
    for group in _groups(path):
        for elements, value in group["rows"]:
            moved = _bytes_moved(group["kernel"], group["dtype"], elements)
            seconds = moved / value / 1e9 if group.get("unit") == "GB/s" else value * 1e-6
            regime = group.get("regime", Regime.COLD)
            yield PublishedRow(
                group["device"], group["kernel"], group["by"], group["dtype"], elements, regime, seconds,
                group["source"], (_eager_of(group) or _text(group)).key,
            )  # fmt: skip


def _bytes_moved(kernel: str, dtype: str, elements: int) -> int:
    return elements * ITEM_BYTES[dtype] * (3 if kernel in _OF_THREE_TENSORS else 2)


def texts(path: Path = FILE) -> Iterator[KernelText]:
    """Every kernel of kernels.py that a row is of."""
    yield from (_text(each) for each in _groups(path) if _eager_of(each) is None)


def eager_kernels(path: Path = FILE) -> Iterator[EagerKernel]:
    """Every kernel of PyTorch's own that a row is of."""
    yield from filter(None, map(_eager_of, _groups(path)))
    for op in _EAGER:
        yield from (_eager(op, dtype) for dtype in ("bfloat16", "float16", "float32"))


def _groups(path: Path) -> list[dict[str, Any]]:
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["group"])


def _text(group: Mapping[str, Any]) -> KernelText:
    arch = known()[group["device"]].sheet.arch
    return KernelText(group["kernel"], group["dtype"], group["per_thread"], group.get("wide", True), arch)


def _eager_of(group: Mapping[str, Any]) -> EagerKernel | None:
    if not group["by"].startswith("eager"):
        return None
    return EagerKernel(group["kernel"], group["dtype"], group["per_thread"], known()[group["device"]].sheet.arch)


def _eager(op: str, dtype: str) -> EagerKernel:
    return EagerKernel(op, dtype, 16 // ITEM_BYTES[dtype], known()[OWN].sheet.arch)


def _of_record(record: Record, source: str) -> PublishedRow | None:
    """The row of a record, where there is a kernel that stands for what it timed."""
    if record.role != "provider" or record.median_s is None or record.layout != "contiguous":
        return None
    if record.regime not in (Regime.COLD, Regime.GRAPH) or record.elements is None:
        return None
    if record.provider == "eager" and record.op in _EAGER:
        key = _eager(record.op, record.dtype).key
    elif record.provider == "compile":
        key = inductor_key(record.op, variant_of(record.params), record.dtype, known()[OWN].sheet.arch)
    else:
        return None
    return PublishedRow(
        OWN, record.op, record.provider, record.dtype, record.elements, record.regime, record.median_s, source, key
    )
