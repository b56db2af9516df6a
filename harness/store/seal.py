"""The seal of a run: one hash over all that it holds, so that an edit is noticed and a citation means one run.

A run is sealed when it ends, and opened again when it is gone on with. The seal tells a slip of the hand and a
damaged copy from what was measured. It is no signature: who forges a run can forge its seal, but not the hash that
has been printed in somebody's paper.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from harness.store.records import INSPECTED, INSPECTION, RECORDS, RunError, read_manifest

SEAL = "seal.json"

SEALED, UNSEALED, BROKEN = "sealed", "unsealed", "broken"


def content_hash(run: Path) -> str:
    """SHA-256 over the manifest, the records and the inspection of a run, as 64 hexadecimal digits; over nothing else.

    The manifest counts as JSON with sorted keys and no white space, each record as its line: neither the indent of
    the one nor a line ending that git changed in the other matters. A torn last line does not count. The inspection
    counts, line by line too, where the manifest says that the run has one.
    """
    digest = hashlib.sha256()
    manifest = read_manifest(run)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    path = Path(run) / RECORDS
    if path.exists():
        with path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    digest.update(line.rstrip(b"\r\n") + b"\n")
    inspection = Path(run) / INSPECTION
    if manifest.get(INSPECTED) and inspection.exists():
        digest.update(b"\n".join(inspection.read_bytes().splitlines()))
    return digest.hexdigest()


def seal(run: Path) -> str:
    """Write the seal of a run that has ended, and return its hash."""
    from harness.store.manifest import write_manifest

    found = content_hash(run)
    write_manifest(Path(run) / SEAL, {"sha256": found})
    return found


def sealed_hash(run: Path) -> str | None:
    """The hash in the seal of a run; None where it has no seal, as when it was cut short.

    Raises RunError where there is a seal that cannot be read.
    """
    path = Path(run) / SEAL
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(f"{path} is not a seal ({type(error).__name__}: {error}); restore it from a copy") from None


def state(run: Path) -> str:
    """Whether a run is SEALED, UNSEALED (cut short, or from before seals), or BROKEN: changed since it was sealed."""
    found = sealed_hash(run)
    if found is None:
        return UNSEALED
    return SEALED if found == content_hash(run) else BROKEN


def unseal(run: Path) -> None:
    """Take the seal off a run that is to be gone on with. Raises RunError where it is broken."""
    if state(run) == BROKEN:
        raise RunError(
            f"{run} has been changed since it ended, so that it cannot be gone on with; restore it from a copy "
            "('elubench verify' says what does not match), or start a new run"
        )
    (Path(run) / SEAL).unlink(missing_ok=True)
