"""Workloads: the layers of a real model as cases, each with how often it occurs. Pure data; imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.ops.cases import Case, CaseError, make_case
from harness.ops.catalogue import MODEL_OPS, OPS


@dataclass(frozen=True)
class WorkloadLayer:
    """One op of a model, and how often it occurs in one pass."""

    case: Case
    count: int

    @property
    def is_backward(self) -> bool:
        return self.case.op.endswith("_backward")

    @property
    def spared_bytes(self) -> int:
        """What `x + bias` would occupy were it a tensor of its own; 0 for ops that do not fuse it."""
        case = self.case
        return case.inputs[0].nbytes if case.op == "bias_elu" else 0


@dataclass(frozen=True)
class Workload:
    """The ELUs of a model in one dtype, forward and backward, and where their shapes are from."""

    name: str
    source: str
    dtype: str
    layers: tuple[WorkloadLayer, ...]
    models: tuple[Case, ...] = ()  # a small model of its kind as a whole, forward, then forward and backward

    @property
    def cases(self) -> tuple[Case, ...]:
        return (*(each.case for each in self.layers), *self.models)


def of_table(table: Mapping[str, Any], dtypes: Sequence[str]) -> list[Workload]:
    """The workloads of a sweep's [[workloads]] table, one for each dtype. Raises CaseError, KeyError."""
    made = []
    for dtype in dtypes:
        layers = [each for row in table["layers"] for each in _layers_of(row, dtype, table.get("backward", True))]
        models = tuple(_models_of(table["model"], dtype)) if "model" in table else ()
        made.append(Workload(table["name"], table["source"], layers[0].case.dtype, tuple(layers), models))
    return made


def _layers_of(row: Mapping[str, Any], dtype: str, has_backward: bool) -> Iterable[WorkloadLayer]:
    op, data = row["op"], row.get("data", "normal")
    rest = (dtype, row.get("params"), row.get("layout", "contiguous"), data)
    yield WorkloadLayer(make_case(op, tuple(row["shape"]), *rest), row.get("count", 1))
    if has_backward and f"{op}_backward" in OPS:
        yield WorkloadLayer(make_case(f"{op}_backward", tuple(row["shape"]), *rest), row.get("count", 1))


def _models_of(row: Mapping[str, Any], dtype: str) -> Iterable[Case]:
    if row["op"] not in MODEL_OPS:
        raise CaseError(f"{row['op']!r} is no whole model; choose from {', '.join(MODEL_OPS)}")
    for op in (row["op"], f"{row['op']}_backward"):
        yield make_case(op, tuple(row["shape"]), dtype)


def from_content(rows: Iterable[Mapping[str, Any]]) -> tuple[Workload, ...]:
    """The workloads that a manifest holds as plain data. Raises CaseError, KeyError, TypeError."""
    return tuple(
        Workload(
            row["name"],
            row["source"],
            row["dtype"],
            tuple(WorkloadLayer(case_of(each["case"]), int(each["count"])) for each in row["layers"]),
            tuple(map(case_of, row.get("models", ()))),
        )
        for row in rows
    )


def case_of(row: Mapping[str, Any]) -> Case:
    """The case that a manifest holds as plain data. Raises CaseError, KeyError, TypeError."""
    data = row.get("data", "normal")  # which runs had none before
    return make_case(row["op"], tuple(row["shape"]), row["dtype"], row["params"], row["layout"], data)
