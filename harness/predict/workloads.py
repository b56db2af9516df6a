"""What swapping the kernel would save in a model on a GPU that is not here: its layers' times, modelled, and summed.

Counted kernels take what the model says of them. Eager PyTorch is taken for plain streams, one for each of its passes
over the tensor: no less than that, whatever its kernels compute. So a saving is at least what is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.machine_code.rows import InspectedRow
from harness.ops.op import ITEM_BYTES
from harness.predict.curves import works
from harness.predict.devices import DeviceModel
from harness.predict.model import KernelWork, predict
from harness.predict.of_run import variant_of
from harness.sweeps.workloads import Workload, WorkloadLayer

EAGER = "eager, at least"
# Main tensors that eager reads and writes in each of its launches: bias_elu is a sum, then an ELU; its gradient that of
# the ELU, from the sum that was kept, then a sum over it.
_PASSES: Mapping[str, tuple[int, ...]] = {
    "elu": (2,),
    "elu_backward": (3,),
    "bias_elu": (2, 2),
    "bias_elu_backward": (3, 1),
    "elu_plus_one": (2, 2),
    "elu_plus_one_backward": (3,),
}
_STREAM_BLOCK, _STREAM_RESIDENT = 4096, 16  # so many loads under way that waiting for them never binds


@dataclass(frozen=True)
class PredictedLayer:
    """One layer of a workload, by one provider: the modelled time of one call."""

    op: str
    shape: tuple[int, ...]
    direction: str  # "forward" or "backward"
    count: int
    seconds: float
    bound_by: str


@dataclass(frozen=True)
class PredictedWorkload:
    """All ELUs of a model in one direction, by one provider on one device. Modelled, every number of it."""

    workload: str
    source: str
    dtype: str
    direction: str
    device: str
    regime: str
    provider: str
    layers: tuple[PredictedLayer, ...]
    seconds: float
    times_eager: float | None  # eager's least time over this one

    @property
    def calls(self) -> int:
        return sum(each.count for each in self.layers)


def predicted(
    workloads: Sequence[Workload], rows: Sequence[InspectedRow], devices: Sequence[DeviceModel], regime: str
) -> list[PredictedWorkload]:
    """By device, model and direction: eager, and each provider whose kernels are all counted. Raises PredictError."""
    counted = works(rows)
    providers = list(dict.fromkeys(provider for _, _, _, provider, _ in counted))
    made: list[PredictedWorkload] = []
    for device in devices:
        for workload in workloads:
            for is_backward in (False, True):
                layers = [each for each in workload.layers if each.is_backward == is_backward]
                if layers and all(each.case.op in _PASSES for each in layers):
                    made += _of(workload, layers, counted, [EAGER, *providers], device, regime)
    return made


def _of(
    workload: Workload,
    layers: Sequence[WorkloadLayer],
    counted: Mapping[tuple[str, str, str, str, str], list[KernelWork]],
    providers: Sequence[str],
    device: DeviceModel,
    regime: str,
) -> Iterator[PredictedWorkload]:
    eager_s: float | None = None
    for provider in providers:
        found = [_layer(each, counted, provider, device, regime) for each in layers]
        known = tuple(each for each in found if each is not None)
        if len(known) < len(layers):
            continue
        seconds = sum(each.count * each.seconds for each in known)
        eager_s = seconds if provider == EAGER else eager_s
        yield PredictedWorkload(
            workload.name, workload.source, workload.dtype, known[0].direction, device.sheet.name, regime, provider,
            known, seconds, eager_s / seconds if eager_s else None,
        )  # fmt: skip


def _layer(
    layer: WorkloadLayer,
    counted: Mapping[tuple[str, str, str, str, str], list[KernelWork]],
    provider: str,
    device: DeviceModel,
    regime: str,
) -> PredictedLayer | None:
    case, arch = layer.case, device.sheet.arch
    if provider == EAGER:
        launched = [
            KernelWork(arch, tensors * ITEM_BYTES[case.dtype], _STREAM_BLOCK, _STREAM_RESIDENT, {})
            for tensors in _PASSES[case.op]
        ]
    else:
        launched = counted.get((case.op, variant_of(case.params), case.dtype, provider, arch), [])
    if not launched:
        return None
    # Each launch has its own bytes; what a prediction says of bandwidth is not asked for here.
    time = predict(launched, device, case.elements, regime)
    direction = "backward" if layer.is_backward else "forward"
    return PredictedLayer(case.op, case.shape, direction, layer.count, time.seconds, time.bound_by)


def to_json(found: Sequence[PredictedWorkload]) -> str:
    """The predictions as a JSON list; times are seconds."""
    return json.dumps([{"kind": "modelled", **asdict(each)} for each in found], indent=1, ensure_ascii=False)
