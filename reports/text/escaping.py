"""Escapes text from outside for CSV, Markdown and LaTeX. Pure functions.

Names of providers, devices and paths, and the reasons that exceptions give, are anybody's text. Everywhere, what
controls a terminal or hides is written as an escape first (`printable`); then each format's own specials follow.
HTML has `html.escape`.
"""

from __future__ import annotations

import re

from reports.text.formatting import printable

_WHOLE = 100_000  # characters: nothing is cut short in files that are read by programs


def csv_text(text: str) -> str:
    """A cell of text that a spreadsheet does not take for a formula: one that would start it gets a `'` before.

    Quoting is the CSV writer's. Numbers are not to be passed through here: a negative one stays a number.
    """
    shown = printable(text, _WHOLE)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "'")) else shown


def markdown_code(text: str) -> str:
    """Text as a code span in a table: no HTML, no link, no mention, no emphasis comes out of it."""
    shown = printable(text, _WHOLE) or " "
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    # A span may neither begin nor end in a backtick of its own; one space on either side is taken off again.
    space = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{space}{shown}{space}{fence}".replace("|", "\\|")


def markdown_text(text: str) -> str:
    """Prose with names from outside in it, as one paragraph, list item or cell: it is shown as it stands."""
    shown = re.sub(r"([\\`*_\[\]<>|~$&])", r"\\\1", printable(text.strip(), _WHOLE))
    shown = re.sub(r"^([#+\-=]|\d{1,9}(?=[.)]))", _at_the_start, shown)
    return shown.replace("@", "@\u2060")  # a word joiner, which nobody sees: no mention comes out of it


def _at_the_start(match: re.Match[str]) -> str:
    """What would begin a heading or a list; a number gets its escape after it."""
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"


_LATEX = {
    "\\": r"\textbackslash{}",
    # Not \{ and \}: BibTeX counts braces, escaped ones too, and they have to balance.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # In braces, since `[` or `*` after a row's `\\` would be its argument.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "×": r"\ensuremath{\times}",
    "−": r"\ensuremath{-}",
    "α": r"\ensuremath{\alpha}",
    "“": "{``}",
    "”": "{''}",
    "±": r"\ensuremath{\pm}",
    "≈": r"\ensuremath{\approx}",
    "∞": r"\ensuremath{\infty}",
    "µ": r"\textmu{}",
    "–": r"\textendash{}",
    "°": r"\textdegree{}",
    "®": r"\textregistered{}",
    "™": r"\texttrademark{}",
}


def latex(text: str) -> str:
    """Text that LaTeX sets as it stands, in a table or in a BibTeX field, with no package beyond its kernel.

    Plain ASCII, the accented letters of Latin-1, and the signs of measurement are set; any other character is
    written as its code point, as an engine without a font for it would drop it silently or stop.
    """
    set_ = "".join(map(_latex_character, printable(text, _WHOLE)))
    return re.sub("(?<=-)(?=-)|(?<=,)(?=,)", "{}", set_)  # two of them would become one sign


def _latex_character(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if character.isascii() or ("À" <= character <= "ÿ" and character not in "÷ÐÞðþ"):
        return character
    return f"{{[}}U+{ord(character):04X}{{]}}"
