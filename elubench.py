"""The command `elubench`: makes sure that `kernels`, `harness` and `reports` are its own before it imports them."""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PACKAGES = ("kernels", "harness", "reports")


def too_old() -> str | None:
    """A sentence where this Python is one that elubench is not written for."""
    if sys.version_info >= (3, 11):  # noqa: UP036 - the versions before are who it is for
        return None
    return (
        f"this Python is {sys.version.split()[0]}, and elubench needs 3.11 or newer; put one first on PATH, as python3"
    )


def shadowed() -> str | None:
    """A sentence where another package has the name of one of ours, and Python finds it first."""
    import importlib.util

    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = [] if spec is None else spec.submodule_search_locations or filter(None, [spec.origin])
        found = [os.path.realpath(place) for place in places]
        if os.path.join(HERE, name) not in found:
            fault = f"another {name!r} ({found[0]}) hides" if found else f"Python does not find {name!r},"
            return (
                f"{fault} elubench's own in {HERE}; run `python -m harness` in the checkout, or install elubench in an "
                "environment of its own"
            )
    return None


def main() -> None:
    try:
        sentence = too_old() or shadowed()
        if sentence is None:
            from harness.cli.entry import main

            main()
    except KeyboardInterrupt:  # before the command line is there to answer it
        sentence, code = "interrupted", 130
    else:
        code = 2
    print(f"elubench: {sentence}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
