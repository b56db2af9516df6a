"""Shortens an exception to one line, for a record or a message."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The first line of what an error says; empty where it says nothing."""
    return str(error).strip().partition("\n")[0].rstrip()


def named(error: BaseException) -> str:
    """The type of an error and its first line, as "ValueError: no such thing", in at most 500 characters."""
    return f"{type(error).__name__}: {first_line(error)}"[:500]
