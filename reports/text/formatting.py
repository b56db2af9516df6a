"""Numbers and names as text, the same in every report. Pure functions on plain values."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

MISSING = "–"

_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def significant(value: float | None, digits: int = 3) -> str:
    """A number with exactly `digits` significant digits, no exponent between 0.001 and a million: "12.3", "0.500".

    Whole digits are never dropped: 12345 stays "12345".
    """
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    rounded = f"{value:.{digits - 1}e}"
    if not 1e-3 <= abs(value) < 1e6:
        return rounded
    exponent = int(rounded.partition("e")[2])
    return f"{value:.{max(0, digits - 1 - exponent)}f}"


def time_text(time_s: float | None) -> str:
    """Seconds in the unit that suits: "56.1 µs"."""
    if time_s is None:
        return MISSING
    size, unit = next((each for each in _TIME_UNITS if time_s >= each[0]), _TIME_UNITS[-1])
    return f"{significant(time_s / size)} {unit}"


def time_interval_text(time_s: float, ci95_s: tuple[float, float]) -> str:
    """Seconds with their interval in one unit, to four digits: "80.02 [79.87, 80.11] µs"."""
    size, unit = next((each for each in _TIME_UNITS if time_s >= each[0]), _TIME_UNITS[-1])
    middle, low, high = (significant(value / size, 4) for value in (time_s, *ci95_s))
    return f"{middle} [{low}, {high}] {unit}"


def percent(fraction: float | None, digits: int = 0) -> str:
    """A fraction as per cent, without the sign: 0.417 is "42"."""
    return MISSING if fraction is None else f"{100 * fraction:.{digits}f}"


def size_text(shape: Sequence[int]) -> str:
    """A shape: "4096×4096"; "scalar" for no dimensions."""
    return "×".join(map(str, shape)) or "scalar"


def bytes_text(size: float) -> str:
    """Bytes in the binary unit that suits: "50 MiB", "1.5 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB"


def params_text(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The parameters that differ from the defaults: "alpha=1.673 scale=1.051"; empty where none does."""
    if params == defaults:  # as nearly all are
        return ""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in params.items()
        if defaults.get(name) != value
    )


def layout_text(layout: str, data: str) -> str:
    """The layout and the data of a case as far as they are not the ordinary ones: "transposed", "positive inputs"."""
    return " ".join([*([layout] if layout != "contiguous" else ()), *([f"{data} inputs"] if data != "normal" else ())])


def printable(text: str, longest: int = 300) -> str:
    """Text from outside, made harmless to a terminal: what controls it or hides is written as an escape.

    Names of providers, devices and paths, and the reasons that exceptions give, may hold escape sequences,
    line breaks, or characters that turn the direction of writing.
    """
    if text.isprintable():  # as nearly all text is; looking at each character is slow over a big run
        return _cut(text, longest)
    shown = "".join(
        character
        if unicodedata.category(character)[0] != "C" and unicodedata.category(character) not in ("Zl", "Zp")
        else character.encode("unicode_escape").decode()
        for character in text
    )
    return _cut(shown, longest)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
