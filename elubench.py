"""The command `elubench`: makes sure that `kernels`, `harness` and `reports` are its own before it imports them."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
PACKAGES = ("kernels", "harness", "reports")


def shadowed() -> str | None:
    """A sentence where another package has the name of one of ours, and Python finds it first."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = [Path(place).resolve() for place in _places(spec)]
        if HERE / name not in places:
            found = f"another {name!r} ({places[0]}) hides" if places else f"Python does not find {name!r},"
            return (
                f"{found} elubench's own in {HERE}; run `python -m harness` in the checkout, or install elubench in an "
                "environment of its own"
            )
    return None


def _places(spec: ModuleSpec | None) -> list[str]:
    """The folders of a package, or the file of a module."""
    if spec is None:
        return []
    return list(spec.submodule_search_locations or filter(None, [spec.origin]))


def main() -> NoReturn:
    sentence = shadowed()
    if sentence is not None:
        print(f"elubench: {sentence}", file=sys.stderr)
        raise SystemExit(2)
    from harness.cli.entry import main

    main()


if __name__ == "__main__":
    main()
