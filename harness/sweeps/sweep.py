"""Sweeps: TOML files that name cases and providers. `harness/sweeps/` holds the ones that ship."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.ops.cases import NORMAL, Case, CaseError, make_case
from harness.ops.catalogue import ACTIVATIONS, OPS
from harness.ops.op import ITEM_BYTES
from harness.store.vocabulary import AUTO, Flush, Regime
from harness.sweeps import workloads
from harness.sweeps.stop_rule import StopRule
from harness.sweeps.workloads import Workload

SWEEPS = Path(__file__).parent
# In place of an op: all that the paper's table of costs has, and their gradients.
EVERY_ACTIVATION = "activations"


class SweepError(ValueError):
    """A sweep that cannot be run; the message names the fault and the mend."""


@dataclass(frozen=True)
class Sweep:
    """Cases and providers to measure, in order, with the stop rule of every timing."""

    name: str
    description: str
    cases: tuple[Case, ...]
    providers: tuple[str, ...]
    stop: StopRule
    case_timeout_s: float  # a case that takes longer, compilation included, is ended
    cpu_max_elements: int  # larger cases are left to a GPU
    cpu_providers: tuple[str, ...] = ()  # in place of `providers`, where there is no GPU; empty: the same
    regimes: tuple[str, ...] = (AUTO,)
    flush: Flush = Flush.DIRTY  # of a GPU's L2, before each cold call
    energy_seconds: float = 0.2  # how long calls are kept going for a GPU's counter of energy; 0: not at all
    workloads: tuple[Workload, ...] = ()  # models whose layers are among the cases
    roof_curves: bool = False  # whether roofs are measured over the working set, beside those of the cases

    def on(self, kind: str) -> Sweep:
        """The part of this sweep that a device of `kind` ("cpu" or "cuda") measures."""
        if kind != "cpu":
            return self
        small = tuple(case for case in self.cases if case.elements <= self.cpu_max_elements)
        if not small:
            least = min(case.elements for case in self.cases)
            raise SweepError(
                f"all that is left of sweep {self.name!r} is too large for a CPU: from {least:,} elements, and its "
                f"[cpu] max_elements is {self.cpu_max_elements:,}; use a GPU, or name smaller cases with --shape"
            )
        return dataclasses.replace(self, cases=small, providers=self.cpu_providers or self.providers)

    def only(self, ops: Sequence[str], dtypes: Sequence[str]) -> Sweep:
        """This sweep with only the named ops and dtypes; empty means all. Raises SweepError where none is left."""
        _check_names(ops, OPS, "op")
        _check_names(dtypes, ITEM_BYTES, "dtype")
        cases = tuple(
            case for case in self.cases if (not ops or case.op in ops) and (not dtypes or case.dtype in dtypes)
        )
        if not cases:
            there = {op: sorted({case.dtype for case in self.cases if case.op == op}) for op in _ops_of(self.cases)}
            has = "; ".join(f"{op} in {', '.join(names)}" for op, names in there.items())
            raise SweepError(f"sweep {self.name!r} has no case of that op and dtype; it has {has}")
        return dataclasses.replace(self, cases=cases)

    def by(self, providers: Sequence[str], regimes: Sequence[str], flush: str | None = None) -> Sweep:
        """This sweep by the named providers, in the named regimes, with this flush; empty means its own.

        Raises SweepError.
        """
        _check_names(regimes, (AUTO, *Regime), "regime")
        _check_names([flush] if flush else [], list(Flush), "flush")
        return dataclasses.replace(
            self,
            providers=tuple(providers) or self.providers,
            cpu_providers=() if providers else self.cpu_providers,
            regimes=tuple(dict.fromkeys(regimes)) or self.regimes,
            flush=Flush(flush or self.flush),
        )

    def content(self) -> dict[str, Any]:
        """The sweep as plain data, for the manifest; `from_content` is its inverse."""
        return dataclasses.asdict(self)


def from_content(content: Mapping[str, Any]) -> Sweep:
    """The sweep that a manifest holds. Raises SweepError where it was edited into something else."""
    try:
        return Sweep(
            **{
                **content,
                "cases": tuple(map(workloads.case_of, content["cases"])),
                "workloads": workloads.from_content(content.get("workloads", ())),
                "providers": tuple(content["providers"]),
                "cpu_providers": tuple(content.get("cpu_providers", ())),
                "regimes": tuple(content["regimes"]),
                "flush": Flush(content.get("flush", Flush.DIRTY)),
                "stop": StopRule(**content["stop"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SweepError(f"the manifest's sweep cannot be read ({error}); start a new run") from None


def of_shapes(shapes: Sequence[tuple[int, ...]], ops: Sequence[str], dtypes: Sequence[str]) -> Sweep:
    """A sweep of these shapes, of elu in two dtypes where nothing else is named; no shape is too large for its device.

    Raises CaseError and SweepError.
    """
    model = load("default")
    _check_names(dtypes, ITEM_BYTES, "dtype")
    cases = {
        case.key: case
        for op in ops or ("elu",)
        for dtype in dtypes or ("bfloat16", "float32")
        for shape in shapes
        for case in [make_case(op, shape, dtype)]
    }
    return dataclasses.replace(
        model,
        name="shapes",
        description="Shapes named on the command line",
        cases=tuple(cases.values()),
        cpu_max_elements=max(case.elements for case in cases.values()),
        roof_curves=False,
    )


def _check_names(given: Sequence[str], known: Iterable[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise SweepError(f"there is no {what} {name!r}; choose from {', '.join(known)}")


def _ops_of(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.op for case in cases))


def names() -> list[str]:
    """The sweeps that ship with elubench."""
    return sorted(path.stem for path in SWEEPS.glob("*.toml"))


def load(name_or_file: str) -> Sweep:
    """The sweep of that name, or of that TOML file. Raises SweepError."""
    path = Path(name_or_file)
    if path.suffix != ".toml":
        path = SWEEPS / f"{name_or_file}.toml"
        if not path.exists():
            raise SweepError(
                f"there is no sweep {name_or_file!r}; choose from {', '.join(names())}, or name a .toml file"
            )
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise SweepError(f"there is no file {path}; 'elubench list sweeps' shows the ones that ship") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SweepError(f"{path} cannot be read as TOML: {error}") from None
    try:
        return parse(data, default_name=path.stem, text=text)
    except (SweepError, CaseError) as error:
        raise SweepError(f"{path}: {error}") from None


_TOP = {
    "name": str,
    "description": str,
    "providers": list,
    "dtypes": list,
    "case_timeout_s": float,
    "regimes": list,
    "flush": str,
    "energy_seconds": float,
    "roof_curves": bool,
    "stop": dict,
    "cpu": dict,
    "cases": list,
    "workloads": list,
}
_CASE = {"op": str, "shapes": list, "dtypes": list, "layouts": list, "params": list, "data": str}
_WORKLOAD = {"name": str, "source": str, "layers": list, "dtypes": list, "backward": bool, "model": dict}
_LAYER = {"op": str, "shape": list, "params": dict, "layout": str, "data": str, "count": int}
_MODEL = {"op": str, "shape": list}
_CPU = {"max_elements": int, "providers": list}
_STOP = {field.name: type(field.default) for field in dataclasses.fields(StopRule)}
# The keys of a sweep's file by table, each with its type; docs/sweeps.md says what they mean.
KEYS: Mapping[str, Mapping[str, type]] = {
    "sweep": _TOP, "[stop]": _STOP, "[cpu]": _CPU, "[[cases]]": _CASE,
    "[[workloads]]": _WORKLOAD, "layers": _LAYER, "model": _MODEL,
}  # fmt: skip


def parse(data: Mapping[str, Any], default_name: str, text: str = "") -> Sweep:
    """A sweep from the content of its TOML file, and its text for the lines of errors. Raises SweepError, CaseError."""
    _check(data, _TOP, "the sweep")
    at_stop, at_cpu, at_cases = (_lines(text, header) for header in ("[stop]", "[cpu]", "[[cases]]"))
    _check(data.get("stop", {}), _STOP, f"[stop]{_line(at_stop)}")
    _check(data.get("cpu", {}), _CPU, f"[cpu]{_line(at_cpu)}")
    providers = tuple(_strings(data.get("providers", []), "providers"))
    if not providers:
        raise SweepError("'providers' is missing or empty; name at least one, such as [\"eager\"]")
    regimes = tuple(dict.fromkeys(_strings(data.get("regimes", [AUTO]), "regimes")))
    _check_names(regimes, (AUTO, *Regime), "regime")
    if not regimes:
        raise SweepError("'regimes' is empty; leave it out, or name one, such as [\"auto\"]")
    flush = data.get("flush", Flush.DIRTY)
    _check_names([flush], list(Flush), "flush")
    cases: dict[str, Case] = {}
    for number, table in enumerate(data.get("cases", []), start=1):
        for case in _cases_of(table, data.get("dtypes", []), f"[[cases]] number {number}{_line(at_cases, number)}"):
            cases[case.key] = case
    models = _workloads_of(data, text)
    cases |= {case.key: case for each in models for case in each.cases}
    if not cases:
        raise SweepError("there is no case; add a [[cases]] table with an op and its shapes")
    try:
        stop = StopRule(**data.get("stop", {}))
    except ValueError as error:
        raise SweepError(f"[stop]{_line(at_stop)}: {error}") from None
    return Sweep(
        name=data.get("name", default_name),
        description=data.get("description", ""),
        cases=tuple(cases.values()),
        providers=providers,
        stop=stop,
        case_timeout_s=float(data.get("case_timeout_s", 300.0)),
        cpu_max_elements=data.get("cpu", {}).get("max_elements", 2**24),
        cpu_providers=tuple(_strings(data.get("cpu", {}).get("providers", []), "providers of [cpu]")),
        regimes=regimes,
        flush=Flush(flush),
        energy_seconds=_seconds(data.get("energy_seconds", Sweep.energy_seconds), "energy_seconds"),
        workloads=tuple(models),
        roof_curves=data.get("roof_curves", False),
    )


def _workloads_of(data: Mapping[str, Any], text: str) -> list[Workload]:
    made = []
    at = _lines(text, "[[workloads]]")
    for number, table in enumerate(data.get("workloads", []), start=1):
        where = f"[[workloads]] number {number}{_line(at, number)}"
        _check(table, _WORKLOAD, where, needed=("name", "source", "layers"))
        for row in table["layers"]:
            _check(row, _LAYER, f"{where}, a layer", needed=("op", "shape"))
            if row.get("count", 1) < 1:
                raise SweepError(f"{where}: 'count' is 1 or more, not {row['count']}")
        if "model" in table:
            _check(table["model"], _MODEL, f"{where}, its model", needed=("op", "shape"))
        try:
            made += workloads.of_table(table, _dtypes_of(table, data.get("dtypes", []), where))
        except CaseError as error:
            raise SweepError(f"{where}: {error}") from None
    return made


def _dtypes_of(table: Mapping[str, Any], default: Any, where: str) -> list[str]:
    dtypes = _strings(table.get("dtypes", default), "dtypes")
    if not dtypes:
        raise SweepError(f"{where} has no 'dtypes', and the sweep has no default ones")
    return dtypes


def _lines(text: str, header: str) -> list[int]:
    """The numbers of the lines in which a table begins."""
    return [number for number, line in enumerate(text.splitlines(), start=1) if line.strip().startswith(header)]


def _line(lines: Sequence[int], number: int = 1) -> str:
    return f" (line {lines[number - 1]})" if number <= len(lines) else ""


def _cases_of(table: Any, default_dtypes: Any, where: str) -> list[Case]:
    _check(table, _CASE, where, needed=("op", "shapes"))
    dtypes = _dtypes_of(table, default_dtypes, where)
    ops = [table["op"]]
    if ops == [EVERY_ACTIVATION]:
        ops = [op for name in ACTIVATIONS for op in (name, f"{name}_backward")]
    try:
        return [
            make_case(op, tuple(_list(shape, "a shape")), dtype, params, layout, table.get("data", NORMAL))
            for op in ops
            for params in table.get("params", [{}])
            for layout in _strings(table.get("layouts", ["contiguous"]), "layouts")
            for dtype in dtypes
            for shape in table["shapes"]
        ]
    except (CaseError, SweepError) as error:
        raise SweepError(f"{where}: {error}") from None
    except AttributeError:
        raise SweepError(f"{where}: 'params' is a list of tables, such as [{{alpha = 1.0}}]") from None


def _check(table: Any, keys: Mapping[str, type], where: str, needed: Sequence[str] = ()) -> None:
    if not isinstance(table, dict):
        raise SweepError(f"{where} is a table, not {table!r}")
    for key, value in table.items():
        if key not in keys:
            raise SweepError(f"{where} has no key {key!r}; it takes {', '.join(keys)}")
        whole = keys[key] is float and type(value) is int
        if type(value) is not keys[key] and not whole:
            raise SweepError(f"{where}: {key!r} is a {keys[key].__name__}, not {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise SweepError(f"{where}: {key!r} is a finite number, not {value!r}")
    for key in needed:
        if not table.get(key):
            raise SweepError(f"{where} has no {key!r}")


def _seconds(value: float, what: str) -> float:
    if value < 0:
        raise SweepError(f"{what!r} is 0 or more, not {value}")
    return float(value)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise SweepError(f"{what} is a list, not {value!r}")
    return value


def _strings(value: Any, what: str) -> list[str]:
    items = _list(value, repr(what))
    for item in items:
        if not isinstance(item, str):
            raise SweepError(f"{what!r} is a list of strings, and {item!r} is not one")
    return items
