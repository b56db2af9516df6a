"""A run on several devices: the records of each model by itself, what each device is called, and which one is slow.

Results of different models are never pooled: whatever sums up a run does so for each part of `by_model`. Within a
model, each case was measured on one of its devices, against eager, roof and A/A control on that same device.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from harness.device.datasheets import by_driver_name
from harness.store.fleet import FleetDevice, slow_devices
from harness.store.records import Record, Run
from harness.store.vocabulary import Role, Verdict
from harness.timing.estimators import Ratio, unpaired_ratio, verdict

_LONGEST_NAME = 15  # characters of a model's short name: a column of a terminal


def is_fleet(run: Run) -> bool:
    """Whether a run was spread over several physical devices."""
    return len(run.manifest.fleet) > 1


def by_model(run: Run) -> list[Run]:
    """The run for each model of device by itself: its records, and it as the manifest's device. Else the run alone."""
    if not is_fleet(run):
        return [run]
    records: dict[str, list[Record]] = {model: [] for model in run.manifest.models}
    for record in run.records:
        records.setdefault(record.device, []).append(record)
    parts = [
        replace(run, manifest=replace(run.manifest, device=run.manifest.device_named(model)), records=tuple(own))
        for model, own in records.items()
        if own
    ]
    return parts or [run]


def model_of(run: Run) -> str:
    """The model of a part of `by_model`, with the number of its devices where there are several: "L4 (2 devices)"."""
    name = run.manifest.device.name
    count = sum(each.device.name == name for each in run.manifest.fleet)
    return f"{name} ({count} devices)" if count > 1 else name


def devices_text(run: Run) -> str:
    """The device of a run; of a fleet its models, with how many there are of each: "2 × NVIDIA H200, 1 × NVIDIA L4"."""
    if not is_fleet(run):
        return run.manifest.device.name
    counts = Counter(each.device.name for each in run.manifest.fleet)
    return ", ".join(f"{count} × {name}" for name, count in counts.items())


def labels(run: Run) -> Callable[[Record], str]:
    """What the device of a record is called in the tables: "H200 SXM #2"; nothing where a run has one device."""
    names = names_of(run)
    by_placement = {each.placement: name for each, name in names}
    by_identity = {each.placement.identity: name for each, name in reversed(names)}  # of an earlier session
    by_model = _short_names(run) if names else {}

    def label(record: Record) -> str:
        place = record.placement
        found = (by_placement.get(place) or by_identity.get(place.identity)) if place else None
        return found or by_model.get(record.device, "")

    return label


def names_of(run: Run) -> list[tuple[FleetDevice, str]]:
    """The devices of a fleet in their order, each with its name in the tables; none of a run on one device."""
    if not is_fleet(run):
        return []
    counts = Counter(each.device.name for each in run.manifest.fleet)
    shorts, seen = _short_names(run), Counter[str]()
    found = []
    for each in run.manifest.fleet:
        model = each.device.name
        seen[model] += 1
        found.append((each, f"{shorts[model]} #{seen[model]}" if counts[model] > 1 else shorts[model]))
    return found


def _short_names(run: Run) -> dict[str, str]:
    """The models of a fleet by name; numbered, where two of them are not told apart by their short names."""
    shorts = {model: short_name(model) for model in run.manifest.models}
    if len(set(shorts.values())) < len(shorts):
        return {model: f"model {number}" for number, model in enumerate(shorts, start=1)}
    return shorts


def short_name(model: str) -> str:
    """A model's name as a column has room for it: that of its datasheet, or what is left without makers' ornaments."""
    if (sheet := by_driver_name(model)) is not None:
        return sheet.name
    plain = re.sub(r"\((R|TM|C)\)|®|™|@.*|\b(NVIDIA|AMD|Intel|Processor|CPU|GeForce|\d+-Core)\b", " ", model)
    return " ".join(plain.split())[:_LONGEST_NAME].strip() or model[:_LONGEST_NAME]


@dataclass(frozen=True)
class Checked:
    """One device of a fleet beside the fastest of its model, by the stream that each of them was given."""

    member: FleetDevice
    name: str  # in the tables
    cases: int  # that were timed on it
    fastest: FleetDevice | None  # of its model; None where it is alone, or was given no stream that others were
    ratio: Ratio | None  # its time over that of the fastest; None where it is the fastest itself
    noise_floor: float | None  # the larger A/A floor of both, of those of their cases; None: no control was timed
    verdict: Verdict | None  # of its time against that of the fastest
    is_slow: bool  # it attains less by more than harness.store.fleet.SLOW, and by more than the noise

    @property
    def share(self) -> float | None:
        """Of the bandwidth that the fastest attains, as a fraction."""
        own, best = self.member.check, self.fastest.check if self.fastest else None
        return own.gbps / best.gbps if own and best else None

    @property
    def place(self) -> str:
        """Where it is: "gpu-a, GPU-1f2e…"; of a CPU its machine and Ray's node, as one machine may hold several."""
        placement = self.member.placement
        ray_node = f"Ray node {placement.ray_node[:8]}" if placement.ray_node else ""
        return ", ".join(part for part in (placement.node, placement.uuid or ray_node) if part)


def checked(run: Run) -> list[Checked]:
    """The devices of a fleet in their order; none of a run on one device."""
    label = labels(run)
    cases: dict[str, set[str]] = {}
    floors: dict[str, float] = {}
    for record in run.records if is_fleet(run) else ():
        name = label(record)
        if record.role == Role.PROVIDER and record.median_s is not None:
            cases.setdefault(name, set()).add(record.case_key)
        if record.noise_floor is not None:
            floors[name] = max(record.noise_floor, floors.get(name, 0.0))
    return list(_checked(names_of(run), cases, floors))


def _checked(
    names: list[tuple[FleetDevice, str]], cases: dict[str, set[str]], floors: dict[str, float]
) -> Iterator[Checked]:
    slow = [each.member for each in slow_devices([member for member, _ in names])]
    for member, name in names:
        alike = [(each, other) for each, other in names if _same_work(member, each)]
        best, best_name = max(alike, key=lambda each: each[0].check.gbps if each[0].check else 0.0, default=(None, ""))
        if len(alike) < 2 or best is None or best.check is None or member.check is None:
            yield Checked(member, name, len(cases.get(name, ())), None, None, None, None, False)
            continue
        known = [floors[each] for each in (name, best_name) if each in floors]
        known = known or [
            floors[each] for one, each in names if each in floors and one.device.name == member.device.name
        ]
        floor, ratio, said = max(known, default=None), None, None
        if member is not best:
            own, other = member.check, best.check
            ratio = unpaired_ratio(own.median_s, own.ci95_s, other.median_s, other.ci95_s)
            said = verdict(ratio, floor)
        is_slow = said is Verdict.SLOWER and member in slow
        yield Checked(member, name, len(cases.get(name, ())), best, ratio, floor, said, is_slow)


def _same_work(a: FleetDevice, b: FleetDevice) -> bool:
    """Whether two devices of one model were given the same stream."""
    if a.check is None or b.check is None:
        return False
    return a.device.name == b.device.name and a.check.stream == b.check.stream
