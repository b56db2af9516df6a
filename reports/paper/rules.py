"""The rules of judging, read from `rules.toml`.

They are written before a run: its manifest keeps the hash of that file and of every module that judges
(harness.paper.judging), and `elubench verify` says which of them was edited since.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from harness.paper.plan import CLAIMS, NETS, ClaimError, variant_of
from reports.paper.selection import MEASURES

RULES = Path(__file__).with_name("rules.toml")

T = TypeVar("T")

Side = Literal["below", "above"]
Scale = Literal["difference", "ratio", "value"]
Rate = Literal["chosen", "paper"]


class ComparisonRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is compared: ours with theirs by a measure, and on which side of `than` the statement puts it.

    Within `margin` of `than` a difference is of no substance; ratios are compared in logarithms, and a margin of 0.1
    means ten percent either way. Without a margin nothing is called equivalent.
    """

    measure: str
    net: str
    ours: str
    side: Side
    theirs: str | None = None
    rate: Rate = "chosen"
    scale: Scale = "difference"
    than: float | None = None  # 0 for a difference, 1 for a ratio
    margin: float = 0.0
    why: str = ""  # of a secondary comparison: what it is for

    @property
    def threshold(self) -> float:
        return self.than if self.than is not None else 1.0 if self.scale == "ratio" else 0.0


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement in our words; `quote` has the paper's own, and without them it is our inference."""

    claim: str
    says: str
    place: str
    how: str
    margin_why: str
    primary: ComparisonRule
    quote: str = ""
    secondary: tuple[ComparisonRule, ...] = ()
    key: str = ""


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules. `level` is that of all statements of a run together; a statement holds on `data_sets` or more."""

    level: float
    data_sets: int
    power_at: float
    judging: tuple[str, ...]  # the files, from the root of the repository, that a verdict follows from
    statements: tuple[Statement, ...]


@functools.cache
def rules() -> Rules:
    """The rules of this version."""
    return read_rules(RULES)


def read_rules(path: Path) -> Rules:
    """The rules in a file. Raises ClaimError: one sentence with the file, the key and the fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimError(f"the rules in {path} cannot be read ({error}); restore the file") from None
    statements = content.pop("statement", {})
    if not isinstance(statements, Mapping) or not statements:
        raise _fault(path, "statement", "there is no statement; write [statement.NAME]")
    found = tuple(_statement(path, key, fields) for key, fields in statements.items())
    made = _converted(path, "", content | {"statements": ()}, Rules)
    for name, value, is_right, what in (
        ("level", made.level, 0 < made.level < 1, "between 0 and 1"),
        ("power_at", made.power_at, 0.5 < made.power_at < 1, "between 0.5 and 1"),
        ("data_sets", made.data_sets, made.data_sets >= 1, "1 or more"),
    ):
        if not is_right:
            raise _fault(path, name, f"{value} is not {what}")
    return msgspec.structs.replace(made, statements=found)


def _statement(path: Path, key: str, fields: object) -> Statement:
    """A statement, where a secondary comparison has the fields of the primary one but for those that it names."""
    where = f"statement.{key}"
    if not isinstance(fields, Mapping):
        raise _fault(path, where, "is not a table")
    primary = fields.get("primary")
    if not isinstance(primary, Mapping):
        raise _fault(path, f"{where}.primary", "is not a table; every statement has one primary comparison")
    seconds = fields.get("secondary", [])
    if not isinstance(seconds, list) or not all(isinstance(each, Mapping) for each in seconds):
        raise _fault(path, f"{where}.secondary", "is not a list of tables")
    whole = dict(fields) | {"secondary": [{**primary, **each} for each in seconds], "key": key}
    made = _converted(path, where, whole, Statement)
    if made.claim not in CLAIMS:
        raise _fault(path, f"{where}.claim", f"there is no claim {made.claim!r}; choose from {', '.join(CLAIMS)}")
    _check(path, f"{where}.primary", made.primary)
    for number, each in enumerate(made.secondary):
        _check(path, f"{where}.secondary[{number}]", each)
    return made


def _check(path: Path, where: str, comparison: ComparisonRule) -> None:
    if comparison.measure not in MEASURES:
        known = ", ".join(MEASURES)
        raise _fault(path, f"{where}.measure", f"there is no measure {comparison.measure!r}; choose from {known}")
    if comparison.net not in NETS:
        raise _fault(path, f"{where}.net", f"there is no net {comparison.net!r}; choose from {', '.join(NETS)}")
    if (comparison.theirs is None) != (comparison.scale == "value"):
        raise _fault(path, f"{where}.theirs", "a value has nothing beside it, and a difference or a ratio has")
    if comparison.margin < 0:
        raise _fault(path, f"{where}.margin", f"{comparison.margin} is negative")
    if comparison.scale == "ratio" and comparison.threshold <= 0:
        raise _fault(path, f"{where}.than", f"a ratio is not held against {comparison.threshold}")
    for name in ("ours", "theirs"):
        variant = getattr(comparison, name)
        try:
            if variant is not None:
                variant_of(variant)
        except ClaimError as error:
            raise _fault(path, f"{where}.{name}", str(error)) from None


def _converted(path: Path, where: str, content: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        key = ".".join(part for part in (where, inner.rstrip("`").lstrip(".")) if part)
        raise _fault(path, key or "the file", message[:1].lower() + message[1:]) from None


def _fault(path: Path, key: str, fault: str) -> ClaimError:
    return ClaimError(f"the rules in {path}: {key}: {fault}")
