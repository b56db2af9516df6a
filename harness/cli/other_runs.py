"""The runs that are no sweeps: what `show`, `report`, `verify` and `cite` do with each, by the verb that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from reports.analysis.verify import Verified
    from reports.publish.report import Built


@dataclass(frozen=True)
class OtherRun:
    """A run of one of these verbs, read from disk; it is shown and cited whole."""

    verb: str
    show: Callable[[Console], None]
    build: Callable[[], Built]
    verify: Callable[[], Verified]
    cite: Callable[[str], dict[str, str]]  # by the caption of the table: files by name


def other_than_sweep(path: Path) -> OtherRun | None:
    """The run at `path`; None where it is of a sweep. Raises RunError where it is none, or cannot be read."""
    from harness.paper.first_edition import is_first
    from harness.store.manifest import read_manifest

    manifest = read_manifest(path)
    verb = manifest.verb
    if verb == "claims":
        return _first_claims(path) if is_first(manifest) else _claims(path)
    return _proof(path) if verb == "prove" else None


def _claims(path: Path) -> OtherRun:
    from harness.paper.rows import VERB, read_claims
    from reports.paper.build import build
    from reports.paper.cite import citation
    from reports.paper.tables import show
    from reports.paper.verify import verify

    run = read_claims(path)
    return OtherRun(VERB, partial(show, run), partial(build, run), partial(verify, run), partial(citation, run))


ONLY_CLAIMS = "--also applies to runs of 'elubench claims'"


def whole_citation(other: OtherRun, path: Path, also: Sequence[Path], caption: str, is_part: bool) -> dict[str, str]:
    """The citation of the run at `path`; of claims with others, each on data of its own. Ends where there is none."""
    from harness.cli.exits import WRONG_USAGE, end

    if is_part:
        end(
            f"a run of 'elubench {other.verb}' is cited whole; only --caption, --out and --also apply to it",
            WRONG_USAGE,
        )
    if not also:
        return other.cite(caption)
    others = [other_than_sweep(each) for each in also]
    if any(each is None or each.verb != "claims" for each in (other, *others)):
        end(ONLY_CLAIMS, WRONG_USAGE)
    from harness.paper.first_edition import is_first, read_first
    from harness.paper.rows import read_claims
    from harness.store.manifest import read_manifest
    from reports.paper import cite, first_edition

    for each in (path, *also):
        if is_first(read_manifest(each)):
            return first_edition.citation(read_first(each))
    return cite.citation(read_claims(path), caption, [read_claims(each) for each in also])


def _first_claims(path: Path) -> OtherRun:
    from harness.paper.first_edition import read_first
    from harness.paper.rows import VERB
    from reports.paper.first_edition import build, citation, show, verify

    run = read_first(path)
    return OtherRun(VERB, partial(show, run), partial(build, run), partial(verify, run), partial(citation, run))


def _proof(path: Path) -> OtherRun:
    from harness.proof.rows import VERB, read_proof
    from reports.proof.build import build
    from reports.proof.cite import citation
    from reports.proof.summary import show
    from reports.proof.verify import verify

    run = read_proof(path)
    return OtherRun(VERB, partial(show, run), partial(build, run), partial(verify, run), partial(citation, run))
