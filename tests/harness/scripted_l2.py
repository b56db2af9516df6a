"""The L2 of a scripted GPU: which buffers lie in it, which of their lines are dirty, and which persist."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

_END = "the end of "  # a buffer that is larger than the L2


@dataclass(slots=True)
class Lines:
    """A buffer's lines, all alike."""

    size: int
    is_dirty: bool
    is_persisting: bool


class Traffic(NamedTuple):
    """What one touch of a buffer moved, in bytes."""

    hit: int
    missed: int
    written_back: int  # dirty lines of others, which had to make room


class ScriptedL2:
    """Keeps the buffers that were touched last. Persisting ones stay in the carve-out until they are reset."""

    def __init__(self, size: int) -> None:
        self.size, self.carve_out = size, 0
        self.persisting: set[str] = set()  # buffers under an access policy window
        self._lines: OrderedDict[str, Lines] = OrderedDict()
        self._bytes = 0  # of all lines

    def touch(self, buffer: str, size: int, writes: bool) -> Traffic:
        """Read or write a whole buffer. One that exceeds the L2 leaves its own end there, which is of no use to it."""
        had = self._drop(buffer)
        hit = min(had.size, size) if had else 0
        persists = buffer in self.persisting and self._persisting_bytes() + size <= self.carve_out
        room = self.carve_out if persists else self.size - self.carve_out
        is_dirty = writes or bool(had and had.is_dirty)
        end = _END + buffer
        self._drop(end)
        kept = min(size, room)
        self._lines[buffer if size <= room else end] = Lines(kept, is_dirty, persists)
        self._bytes += kept
        written_back = 0 if persists or self._bytes <= room else self._make_room(room)
        return Traffic(hit, size - hit, written_back)

    def _make_room(self, room: int) -> int:
        """Evict what was touched longest ago, and say how much of that had to be written back."""
        written = 0
        room += self._persisting_bytes()
        while (excess := self._bytes - room) > 0:
            name, oldest = next(iter(self._lines.items()))
            if oldest.is_persisting:
                name, oldest = next((name, lines) for name, lines in self._lines.items() if not lines.is_persisting)
            is_part = name.startswith(_END) and oldest.size > excess
            gone = excess if is_part else oldest.size
            written += gone if oldest.is_dirty else 0
            if is_part:
                oldest.size -= gone
                self._bytes -= gone
            else:
                self._drop(name)
        return written

    def _drop(self, name: str) -> Lines | None:
        lines = self._lines.pop(name, None)
        if lines is not None:
            self._bytes -= lines.size
        return lines

    def _persisting_bytes(self) -> int:
        if not self.persisting:
            return 0
        return sum(lines.size for lines in self._lines.values() if lines.is_persisting)

    def reset_persisting(self) -> None:
        """All lines are as others from now on, as after cuCtxResetPersistingL2Cache."""
        for lines in self._lines.values():
            lines.is_persisting = False
