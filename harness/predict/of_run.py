"""What the model says of a stored run's own cases, from the counts that the run keeps, beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.machine_code.rows import rows_of
from harness.predict.curves import works
from harness.predict.devices import DeviceModel, PredictError, known, of_driver_name
from harness.predict.model import KernelWork, Prediction, predict
from harness.store.records import Record, Run


@dataclass(frozen=True)
class BesideMeasured:
    """A record with its measured time, and the modelled one of the same kernel, size and regime."""

    record: Record
    predicted: Prediction


def beside(run: Run) -> list[BesideMeasured]:
    """Every timed record of a kernel that the run has counts of. Raises PredictError where there is none, RunError."""
    names = run.manifest.models
    models = {name: device for name in names if (device := of_driver_name(name)) is not None}
    if not models:
        raise PredictError(
            f"{run.path} was made on {' and '.join(names)}, and times are predicted for {', '.join(known())}"
        )
    counted = works(rows_of(run))
    found = [
        each
        for record in run.records
        if record.device in models and (each := _beside(record, models[record.device], counted)) is not None
    ]
    if not found:
        raise PredictError(f"{run.path} has no timed kernel with counts; a run on a GPU keeps those of its kernels")
    return found


def _beside(
    record: Record, device: DeviceModel, counted: Mapping[tuple[str, str, str, str, str], list[KernelWork]]
) -> BesideMeasured | None:
    if record.role != "provider" or record.median_s is None or not record.elements:
        return None
    key = (record.op, variant_of(record.params), record.dtype, record.provider, device.sheet.arch)
    if key not in counted or record.regime is None or record.regime not in device.fixed_us:
        return None
    return BesideMeasured(record, predict(counted[key], device, record.elements, record.regime))


def variant_of(params: Mapping[str, object]) -> str:
    """The name that `inspect` gives to the specialisation which parameters choose."""
    where = {None: "", -1: "last"}.get(params.get("dim"), "conv")  # type: ignore[call-overload]
    ones = [params.get(name, 1.0) == 1.0 for name in ("alpha", "scale", "input_scale")]
    form = "unit" if all(ones) else "unscaled" if all(ones[1:]) and "scale" in params else "general"
    name = " ".join(
        filter(None, ("result" if params.get("is_result") else "", where, form if "alpha" in params else ""))
    )
    return name or "default"
