"""Takes machine code out of a library that holds kernels of many architectures, as PyTorch's does. Imports no torch.

NVIDIA's compiler puts an ELF file for each source and architecture, mostly compressed, into one section of a library.
A few hundred megabytes are sifted by what each is for, unpacked by cuobjdump in portions, and searched for names. What
is found is kept in the user's cache, under a key of the library's contents.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

_SECTION = ".nv_fatbin"
_CONTAINER = struct.Struct("<IHHQ")  # magic, version, bytes of this header, bytes behind it
_MAGIC = 0xBA55ED50
_ENTRY = struct.Struct("<HHIQ")  # kind, version, bytes of this header, bytes behind it
_ARCH_AT, _ELF = 28, 2  # where an entry's header has its architecture; the kind that is machine code
_PORTION = 16 * 2**20  # bytes that are unpacked at once: to some 20 times as much memory
_SAMPLE = 2**20  # bytes of each end of the section that the key of a library is made of
_TIMEOUT_S = 120
_KEPT = "elubench/machine_code"


class LibraryError(ValueError):
    """A library without the machine code that is asked for; the message says what is missing."""


def cubins(library: Path, arch: str, names: Sequence[str]) -> tuple[Path, ...]:
    """The ELF files for an architecture in which any of `names` is a part of a kernel's name. Raises LibraryError."""
    with _opened(library) as data:
        start, stop = _fatbin(library, data)
        folder = _cache() / _key(data, start, stop) / arch / hashlib.sha256("\0".join(names).encode()).hexdigest()[:8]
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _unpack(library, data, (start, stop), arch, names, folder)
    return tuple(sorted(folder.glob("*.cubin")))


def is_kept(library: Path, arch: str, names: Sequence[str]) -> bool:
    """Whether `cubins` has the answer already. Raises LibraryError."""
    with _opened(library) as data:
        key = _key(data, *_fatbin(library, data))
    return (_cache() / key / arch / hashlib.sha256("\0".join(names).encode()).hexdigest()[:8]).exists()


def archs(library: Path) -> tuple[str, ...]:
    """The architectures that a library has machine code for. Raises LibraryError."""
    with _opened(library) as data:
        found = {arch for arch, _ in _entries(data, *_fatbin(library, data))}
    return tuple(f"sm_{number}" for number in sorted(found))


def sections(elf: bytes | mmap.mmap) -> dict[str, tuple[int, int]]:
    """{name: (first byte, one behind the last)} of the sections of an ELF file."""
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, table + index * size) for index in range(count)]
    strings = headers[names][4]
    found = {}
    for each in headers:
        first = strings + each[0]
        found[elf[first : elf.find(b"\0", first)].decode()] = (each[4], each[4] + each[5])
    return found


def _opened(library: Path) -> mmap.mmap:
    with library.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            raise LibraryError(f"{library} is not a library for Linux; name a file like libtorch_cuda.so")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _fatbin(library: Path, data: mmap.mmap) -> tuple[int, int]:
    found = sections(data).get(_SECTION)
    if found is None or found[0] == found[1]:
        raise LibraryError(f"{library} holds no kernels of CUDA (it has no section {_SECTION})")
    return found


def _key(data: mmap.mmap, start: int, stop: int) -> str:
    sample = data[start : min(stop, start + _SAMPLE)] + data[max(start, stop - _SAMPLE) : stop]
    return hashlib.sha256(struct.pack("<3Q", len(data), start, stop) + sample).hexdigest()[:16]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _KEPT


def _entries(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, slice]]:
    """(number of the architecture, where the entry is) of all machine code."""
    at = start
    while at + _CONTAINER.size <= stop:
        magic, _, header, size = _CONTAINER.unpack_from(data, at)
        if magic != _MAGIC:  # between two containers
            at += 8
            continue
        entry, at = at + header, at + header + size
        while entry + _ENTRY.size <= at:
            kind, _, own, payload = _ENTRY.unpack_from(data, entry)
            if kind == _ELF:
                yield struct.unpack_from("<I", data, entry + _ARCH_AT)[0], slice(entry, entry + own + payload)
            entry += own + payload


def _unpack(
    library: Path, data: mmap.mmap, where: tuple[int, int], arch: str, names: Sequence[str], folder: Path
) -> None:
    """Fill `folder`, whole or not at all."""
    wanted = [each for number, each in _entries(data, *where) if f"sm_{number}" == arch]
    if not wanted:
        known = ", ".join(f"sm_{each}" for each in sorted({number for number, _ in _entries(data, *where)}))
        raise LibraryError(f"{library.name} has no machine code for {arch}; it has {known}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as room:
        kept = Path(room) / "kept"
        kept.mkdir()
        for number, portion in enumerate(_portions(data, wanted)):
            part = Path(room) / f"part{number}"
            part.mkdir()
            for each in _extracted(portion, part):
                code = each.read_bytes()
                if any(name.encode() in code for name in names):
                    each.rename(kept / f"{number}.{each.name}")
            shutil.rmtree(part)
        if not folder.exists():
            kept.rename(folder)


def _portions(data: mmap.mmap, wanted: Sequence[slice]) -> Iterator[bytes]:
    """Containers of some of the entries each."""
    portion = bytearray()
    for index, each in enumerate(wanted):
        portion += data[each]
        if len(portion) >= _PORTION or index == len(wanted) - 1:
            yield _CONTAINER.pack(_MAGIC, 1, _CONTAINER.size, len(portion)) + portion
            portion.clear()


def _extracted(portion: bytes, room: Path) -> Iterator[Path]:
    from harness.machine_code.disassemble import ToolError, tool

    packed = room / "some.fatbin"
    packed.write_bytes(portion)
    command = [tool("cuobjdump"), "-xelf", "all", packed.name]
    ended = subprocess.run(command, cwd=room, capture_output=True, text=True, timeout=_TIMEOUT_S)
    if ended.returncode != 0:
        raise ToolError(f"cuobjdump failed: {ended.stderr.strip()[:300]}")
    yield from sorted(room.glob("*.cubin"))
