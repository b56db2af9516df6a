"""JSON in and out: the lines of a file that is only appended to, decoded into typed rows, and files written whole."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from harness.plumbing.files import written_whole
from harness.store.vocabulary import READABLE, SCHEMA, RunError

T = TypeVar("T")


class Decoder(Generic[T]):
    """Reads JSON into one type, as fast as it is valid."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def __call__(self, data: bytes) -> T:
        """The value that `data` spells. Raises ValueError where it is no JSON, or not of this type."""
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            raise
        except ValueError:
            # Python reads what is not strictly JSON too, and what we have written so: NaN, half of a surrogate pair.
            return msgspec.convert(json.loads(data.decode("utf-8", errors="replace")), self._kind)


@dataclasses.dataclass(frozen=True)
class _Version:
    schema: Any = None


_version = Decoder(_Version)


class VersionedDecoder(Generic[T]):
    """Reads JSON that says of which schema it is."""

    def __init__(self, kind: type[T]) -> None:
        self._decode = Decoder(kind)

    def __call__(self, data: bytes, what: str) -> T:
        """The value that `data` spells. `what` names it in messages, as "a record".

        Raises RunError where it is of a schema that this version cannot read, and ValueError where it is no such value.
        """
        try:
            value = self._decode(data)
            found = getattr(value, "schema", None)
        except ValueError:
            found = _version(data).schema
            if found in READABLE:
                raise
        if found not in READABLE:
            raise RunError(
                f"{what} has schema {found!r} and this elubench reads {SCHEMA}; "
                "read it with the version that its manifest names, or start a new run"
            )
        return value

    def row(self, line: bytes, what: str) -> T:
        """The row of one line. Raises RunError where it is none."""
        try:
            return self(line, what)
        except RunError:
            raise
        except ValueError as error:
            raise RunError(f"a line is not {what} ({error}); it may have been edited by hand") from None


def iter_lines(path: Path) -> Iterator[bytes]:
    """The complete lines of a file, one by one, with their newlines: a store may be larger than memory.

    Whatever follows the last newline was cut short by a crash: a record is written with its newline in one go.
    """
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line


def decoded_lines(path: Path, decode: Callable[[bytes], T]) -> list[T]:
    """What every line of the file spells. Raises RunError, which names the line."""
    values = []
    for number, line in enumerate(iter_lines(path), start=1):
        try:
            values.append(decode(line))
        except RunError as error:
            raise RunError(f"{path}, line {number}: {error}") from None
    return values


def whole_bytes(path: Path) -> int:
    """How many bytes the complete lines of a file take: all of it, unless a crash cut the last line short."""
    at = path.stat().st_size if path.exists() else 0
    while at:
        start = max(0, at - 2**16)
        with path.open("rb") as file:
            file.seek(start)
            newline = file.read(at - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        at = start
    return 0


def is_torn(path: Path) -> bool:
    """Whether a crash cut the last line of a file short."""
    return path.exists() and whole_bytes(path) != path.stat().st_size


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all: a crash leaves what was there before. Raises RunError."""
    try:
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}); mend that, and try again") from None
