"""Writes every generated page, table and index of the documentation that is stale: `python -m reports.publish.docs`.

They are the index of results/, the reports and figures of the published runs, the figures in README.md and
They are the index of results/, the reports and figures of the published runs, the figures in README.md and
docs/gallery.md, the tables of conformance, the results in docs/claims.md, the proofs in docs/numerics.md, the
predictions in docs/predictions.md and the counts in docs/kernels.md. With `--check` nothing is written: each stale file
is named, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.store.vocabulary import RunError
from reports.publish import (
    conformance_page,
    kernel_page,
    paper_page,
    predictions_page,
    proof_page,
    results_index,
)
from reports.text.blocks import MADE_BY, LostMarks


def files(root: Path, *, check: bool) -> tuple[dict[Path, bytes], list[str]]:
    """What every generated file under `root` should hold, and a sentence on each that cannot be made here."""
    made = results_index.files(root) | paper_page.files(root) | proof_page.files(root)
    made |= predictions_page.files(root) | conformance_page.files(root, made)
    counted, left_out = kernel_page.files(root, check=check)
    return made | counted, left_out


def left_over(root: Path, wanted: dict[Path, bytes]) -> list[Path]:
    """Figures in the folders of generated ones that no run has any more."""
    folders = (root / results_index.DOC_FIGURES, (root / paper_page.PAGE).with_suffix(""))
    return sorted(path for folder in folders for path in folder.glob("*.svg") if path not in wanted)


def main(argv: Sequence[str] | None = None) -> None:
    """Make what is missing or stale, or only say so."""
    parser = argparse.ArgumentParser(description=__doc__, prog=MADE_BY)
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where something is stale")
    arguments = parser.parse_args(argv)
    try:
        wanted, left_out = files(arguments.root, check=arguments.check)
    except (RunError, LostMarks, ImportError) as error:
        parser.exit(2, f"elubench: {error}\n")
    for sentence in left_out:
        print(f"elubench: {sentence}", file=sys.stderr)
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]
    gone = left_over(arguments.root, wanted)
    for path in (*stale, *gone):
        print(f"{'stale' if arguments.check else 'made' if path in wanted else 'removed'}: {path}")
    if arguments.check:
        if stale or gone:
            parser.exit(1, "elubench: the documentation is older than what it is made from; run 'make docs'\n")
        return
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    for path in gone:
        path.unlink()


if __name__ == "__main__":
    main()
