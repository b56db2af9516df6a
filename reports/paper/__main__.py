"""`python -m reports.paper docs RUN`: the results of a stored run into docs/claims.md, between the prose."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.paper.rows import read_claims
from harness.store.vocabulary import RunError
from reports.paper.docs import PAGE, write


def main() -> None:
    """Write the results of one run, and its figures, under docs/."""
    parser = argparse.ArgumentParser(prog="python -m reports.paper", description=__doc__)
    parser.add_argument("what", choices=["docs"])
    parser.add_argument("run", type=Path, help="a directory made by 'elubench claims'")
    parser.add_argument("--page", type=Path, default=Path(PAGE), help="the page to write into")
    arguments = parser.parse_args()
    try:
        write(read_claims(arguments.run), arguments.page)
    except RunError as error:
        parser.exit(2, f"elubench: {error}\n")


if __name__ == "__main__":
    main()
