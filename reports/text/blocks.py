"""Marked blocks in documents: what stands between two marks is made by a command, the prose around them stays."""

from __future__ import annotations

MADE_BY = "python -m reports.publish.docs"


class LostMarks(ValueError):
    """A document has no place for a block; the message names both."""


def marks(name: str) -> tuple[str, str]:
    """The lines before and after the block of that name."""
    return f"<!-- {name}: made by {MADE_BY} -->", f"<!-- end of {name} -->"


def with_block(text: str, name: str, content: str, where: str) -> str:
    """The text of the document `where` with the block of that name made anew. Raises LostMarks."""
    begin, end = marks(name)
    before, has_begin, rest = text.partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise LostMarks(f"{where} has lost the lines {begin!r} and {end!r}; put them where its {name} belong")
    return f"{before}{begin}\n\n{content.strip(chr(10))}\n\n{end}{after}"
