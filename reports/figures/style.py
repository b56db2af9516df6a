"""The colour, marker and line style of each provider, the same in every figure and on the page.

Colours are those of Okabe & Ito ("Color Universal Design", 2008), which colour-blind readers tell apart; markers
and line styles carry the same in grey. Each colour has a lighter twin for dark pages.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

Line = Literal["-", "--", "-.", ":"]


@dataclass(frozen=True)
class Look:
    """Colours as "#rrggbb"; the marker and line style by matplotlib's names."""

    colour: str
    dark_colour: str  # on a dark page
    marker: str
    line: Line


# The providers that ship keep these whatever else is in a run.
_FIXED = {
    "triton": Look("#0072b2", "#4db3ec", "o", "-"),
    "eager": Look("#000000", "#f0f0f0", "s", "--"),
    "compile": Look("#d55e00", "#ff8a3d", "^", "-."),
}
_COLOURS = (
    ("#009e73", "#2fd3a6"),
    ("#cc79a7", "#e79cc5"),
    ("#b28500", "#f0c419"),  # Okabe & Ito's yellow, darker: the original vanishes on white paper
    ("#56b4e9", "#8fd0f7"),
    ("#6a3d9a", "#b48be0"),
)
_MARKERS = ("D", "v", "P", "X", "<", ">", "p", "h")
_LINES: tuple[Line, ...] = ("-", "--", "-.", ":")

# Traffic mixes of the plain streams. They are not providers, and never in one panel with them.
MIX_LOOKS = {
    "copy": Look("#0072b2", "#4db3ec", "o", "-"),
    "triad": Look("#d55e00", "#ff8a3d", "^", "-"),
    "read": Look("#009e73", "#2fd3a6", "s", "-"),
}

ROOF_COLOUR, ROOF_DARK_COLOUR = "#8a8a8a", "#9a9a9a"
FASTER_COLOUR, SLOWER_COLOUR = "#0072b2", "#d55e00"

RC: Any = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along: the same letters on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 3.0,  # long enough to tell line styles apart
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "svg.hashsalt": "elubench",  # ids of SVG elements, else random
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # TrueType: text stays text, and journals take it
    "axes.unicode_minus": True,
}


def look_of(provider: str) -> Look:
    """The look of a provider, from its name alone: no other provider of a run changes it."""
    if provider in _FIXED:
        return _FIXED[provider]
    number = int.from_bytes(hashlib.sha256(provider.encode("utf-8", "surrogatepass")).digest()[:4], "big")
    colour, dark_colour = _COLOURS[number % len(_COLOURS)]
    number //= len(_COLOURS)
    return Look(colour, dark_colour, _MARKERS[number % len(_MARKERS)], _LINES[number // 8 % len(_LINES)])
