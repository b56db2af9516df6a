"""Libraries with kernels for CUDA, made by hand: ELF files whose section .nv_fatbin holds what they are given."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def library(entries: Sequence[tuple[int, bytes]]) -> bytes:
    """A library with a container for each (number of an architecture, ELF file for a GPU), none of them compressed."""
    return elf(b"".join(_container(*each) for each in entries))


def elf(fatbin: bytes) -> bytes:
    """An ELF file with one section of a name that matters, unless that is empty."""
    names = b"\0.nv_fatbin\0.shstrtab\0"
    start = 64
    table = start + len(fatbin) + len(names)
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)
    sections = [(0, 0, 0), (1, start, len(fatbin)), (12, start + len(fatbin), len(names))]
    return header + fatbin + names + b"".join(
        struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, at, size, 0, 0, 1, 0) for name, at, size in sections
    )  # fmt: skip


def _container(arch: int, code: bytes) -> bytes:
    padded = code + bytes(-len(code) % 8)
    # kind, version, bytes of the header, of what follows, compressed size, options, version of the code, architecture,
    # name, flags, 0, uncompressed size
    entry = struct.pack("<HHIQIIHHIIIQQQ", 2, 0x101, 64, len(padded), 0, 0, 1, 1, arch, 0, 0, 0x11, 0, 0) + padded
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entry)) + entry
