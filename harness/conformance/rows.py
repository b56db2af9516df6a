"""What `elubench conform` found: a row for each provider, check and dtype, and the file that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

from harness.plumbing.files import written_whole
from harness.store.provenance import Git, Versions
from harness.store.vocabulary import RunError

SCHEMA = 1
FILE = "conform.json"


class RowStatus(StrEnum):
    """How a provider stands to a demand."""

    PASS = "pass"
    FAIL = "fail"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True)
class ConformRow:
    """One check of a provider in one dtype, with its witness: of a fail what is wrong, else the largest error.

    Args:
        input, got, true: the numbers of the witness, as texts that read back as the same numbers; true is of fp64.
        max_ulp: the error there, in units in the last place of the dtype; None for a wrong special value or sign.
        note: why not, where the numbers do not say it.
        reproduce: of a fail, three lines of Python that show it without elubench.
    """

    provider: str
    check: str
    op: str
    dtype: str
    demand: str
    status: RowStatus
    input: str | None = None
    got: str | None = None
    true: str | None = None
    max_ulp: float | None = None
    note: str | None = None
    reproduce: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conformance:
    """A whole table: what was checked, on what, with what. `libraries` are the versions of the peers."""

    device: str
    created: str
    rows: tuple[ConformRow, ...]
    elubench: str | None = None
    versions: Versions | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    git: Git | None = None
    schema: int = SCHEMA

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.provider for row in self.rows))

    def of(self, *statuses: RowStatus) -> tuple[ConformRow, ...]:
        """The rows with one of these statuses."""
        return tuple(row for row in self.rows if row.status in statuses)


def to_json(found: Conformance) -> str:
    """The file's text: the same table gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"


def write(found: Conformance, folder: Path) -> Path:
    """Write the file into a folder, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    with written_whole(path) as partial:
        partial.write_text(to_json(found), encoding="utf-8", newline="\n")
    return path


def read(folder: Path) -> Conformance:
    """The table that a folder holds. Raises RunError."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Conformance)
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / FILE} cannot be read ({error}); make it anew by 'elubench conform --out'") from None
