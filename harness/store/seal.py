"""The seal of a run: one hash over all that it holds, so that an edit is noticed and a citation means one run.

A run is sealed when it ends, and opened again when it is gone on with. The seal tells a slip of the hand and a
damaged copy from what was measured. It is no signature: who forges a run can forge its seal, but not the hash that
has been printed in somebody's paper. The manifest notes that a run has ended, so that one without its seal is told from
one that was cut short.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from harness.store import sources
from harness.store.lines import Decoder, is_torn, iter_lines, write_whole
from harness.store.manifest import manifest_content, read_manifest
from harness.store.vocabulary import INSPECTION, MANIFEST, RECORDS, SEAL, RunError


class SealState(StrEnum):
    """Whether a run is what it was when it ended."""

    SEALED = "sealed"
    UNSEALED = "unsealed"  # cut short, or from before seals
    BROKEN = "broken"  # changed since, or the seal was removed


SEALED, UNSEALED, BROKEN = SealState.SEALED, SealState.UNSEALED, SealState.BROKEN


@dataclass(frozen=True)
class _Seal:
    sha256: str


_seal = Decoder(_Seal)


def content_hash(run: Path) -> str:
    """SHA-256 over manifest, records, inspection and providers' sources of a run, as 64 hexadecimal digits.

    The manifest counts as JSON with sorted keys and no white space, but for its note that the run has ended, each
    record as its line: neither the indent of the one nor a line ending that git changed in the other matters. A torn
    last line does not count. The inspection counts, line by line too, where the manifest says that the run has one,
    and so do sources, byte by byte.
    """
    digest = hashlib.sha256()
    manifest = read_manifest(run)
    content = _content(run)
    content.pop("ended", None)  # it is noted once the seal is there
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    for line in iter_lines(Path(run) / RECORDS):
        digest.update(line.rstrip(b"\r\n") + b"\n")
    inspection = Path(run) / INSPECTION
    if manifest.inspected and inspection.exists():
        digest.update(b"\n".join(inspection.read_bytes().splitlines()))
    for name, found in sources.edited(run, manifest.provider_sources_sha256):  # else the manifest speaks for them
        digest.update(f"{name}\0{found}\0".encode())
    return digest.hexdigest()


def seal(run: Path) -> str:
    """Write the seal of a run that has ended, and return its hash."""
    found = content_hash(run)
    write_whole(Path(run) / SEAL, json.dumps({"sha256": found}, indent=2) + "\n")
    _note_end(run, True)  # after the seal: a crash in between leaves a run that is sealed
    return found


def _content(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(manifest_content(run).decode("utf-8", errors="replace"))
    return content


def _note_end(run: Path, ended: bool) -> None:
    # What an older version wrote stays as it is, for the hash is over that.
    text = json.dumps(_content(run) | {"ended": ended}, indent=2, ensure_ascii=False)
    write_whole(Path(run) / MANIFEST, text + "\n")


def sealed_hash(run: Path) -> str | None:
    """The hash in the seal of a run; None where it has no seal, as when it was cut short.

    Raises RunError where there is a seal that cannot be read.
    """
    path = Path(run) / SEAL
    try:
        return _seal(path.read_bytes()).sha256
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not a seal ({type(error).__name__}: {error}); restore it from a copy") from None


def state(run: Path) -> SealState:
    """Whether a run is what it was when it ended."""
    found = sealed_hash(run)
    if found is None:
        return SealState.BROKEN if read_manifest(run).had_ended else SealState.UNSEALED
    return SealState.SEALED if found == content_hash(run) else SealState.BROKEN


def unseal(run: Path) -> None:
    """Take the seal off a run that is to be gone on with. Raises RunError where it is broken."""
    if state(run) is SealState.BROKEN:
        raise RunError(
            f"{run} has been changed since it ended, or its seal was removed, so that it cannot be gone on with; "
            "restore it from a copy ('elubench verify' says what does not match), or start a new run"
        )
    _note_end(run, False)  # before the seal goes: a crash in between leaves a run that is sealed
    (Path(run) / SEAL).unlink(missing_ok=True)


def doubts(run: Path) -> tuple[str, ...]:
    """Why a run may not be all that was measured, a sentence each; none where it is sealed and whole."""
    found, told = state(run), []
    if found is SealState.UNSEALED:
        told.append("The run has no seal: it was cut short, or still goes on, and an edit of it would not be noticed.")
    elif found is SealState.BROKEN and sealed_hash(run) is None:
        told.append("The run had ended and its seal was removed: nobody can tell whether it was changed since.")
    elif found is SealState.BROKEN:
        told.append("The run was changed after it ended; 'elubench verify' says what does not match.")
    if is_torn(Path(run) / RECORDS):
        told.append(
            "The last record was cut short by a crash and is left out; 'elubench run --resume' measures it again."
        )
    return tuple(told)
