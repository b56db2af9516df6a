"""Disassembles machine code by the tools that Triton's wheel carries."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import triton
from triton.runtime.cache import get_cache_manager

from harness.machine_code import fatbin, sass
from harness.machine_code.instructions import MachineInstruction

_KEPT = "listing.sass"  # in Triton's cache, what a tool says of a file


class ToolError(RuntimeError):
    """A disassembler that is missing or does not know the code; the message says which."""


@dataclass(frozen=True)
class Resources:
    """What a kernel takes of a multiprocessor: registers per thread, local memory per thread in bytes."""

    registers: int
    local_bytes: int


def tool(name: str) -> str:
    """Where `nvdisasm` or `cuobjdump` is: as Triton is told by its environment, in its wheel, or on the path."""
    told = getattr(triton.knobs.nvidia, name, None)
    inside = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / name
    for each in (getattr(told, "path", None), inside, shutil.which(name)):
        if each and Path(each).exists():
            return str(each)
    raise ToolError(f"{name} is not to be found; it comes with Triton's wheel for Linux, or with the CUDA toolkit")


def listings(codes: Mapping[str, bytes], arch: str) -> dict[str, list[MachineInstruction]]:
    """{key: instructions} of `codes`, bare machine code. All at once, as the tool starts slowly. Raises ToolError."""
    if not codes:
        return {}
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"".join(codes.values()))
        file.flush()
        listing = _told("nvdisasm", "-b", _flavour(arch), file.name)
    found, start = {}, 0
    lines = [line for line in listing.splitlines() if line.lstrip().startswith("/*")]
    each_bytes = 16
    for key, code in codes.items():
        first, stop = start // each_bytes, (start + len(code)) // each_bytes
        found[key] = sass.parse("\n".join(lines[first:stop]))
        if len(found[key]) != stop - first:
            raise ToolError(f"nvdisasm listed {len(found[key])} instructions of {key} instead of {stop - first}")
        start += len(code)
    return found


def readable(cubin: str) -> str:
    """A kernel's listing for people, with labels where branches go. Raises ToolError."""
    return _told("nvdisasm", "-c", cubin)


def with_codes(cubin: str, symbol: int | None = None) -> str:
    """The same listing, line by line, with the first half of each instruction's code behind it. Raises ToolError.

    Of one kernel where its place in the table of symbols is given.
    """
    one = () if symbol is None else ("-fun", str(symbol))
    lines = _told("nvdisasm", "-c", "-hex", *one, cubin).splitlines()
    return "\n".join(line for line in lines if not re.fullmatch(r"\s*/\* 0x[0-9a-f]{16} \*/", line))


def resources(cubin: str, kernel: str | None = None) -> Resources:
    """Registers and local memory, as the tool of the compiler's maker tells them.

    Of the only kernel in the file, unless one is named. Raises ToolError.
    """
    usage = _told("cuobjdump", "-res-usage", cubin)
    if kernel is not None:
        usage = usage.partition(f"Function {kernel}:")[2].partition("Function ")[0]
    registers = re.search(r"\bREG:([0-9]+)", usage)
    if registers is None:
        raise ToolError(f"cuobjdump told nothing about {cubin}")
    local = sum(int(size) for size in re.findall(r"\b(?:STACK|LOCAL):([0-9]+)", usage))
    return Resources(int(registers[1]), local)


def _flavour(arch: str) -> str:
    """The name that the tool gives to what Triton compiles for: "SM90a" where there are instructions of that kind."""
    number = int(arch.removeprefix("sm_"))
    return f"SM{number}{'a' if number >= 90 else ''}"


def kernel_code(cubin: bytes) -> bytes | ToolError:
    """The machine code of the one kernel in an ELF file, or why it is not all there is."""
    codes = {name: code for name, code in sections(cubin).items() if name.startswith(".text.")}
    if len(codes) != 1:
        names = [name.removeprefix(".text.") for name in codes]
        return ToolError(f"it calls functions that were not compiled into it, and they are not counted: {names}")
    return next(iter(codes.values()))


def constant_banks(cubin: bytes, kernel: str | None = None) -> dict[int, bytes]:
    """What the compiler put into constant banks, by number: of a kernel, the only one if none is named, and of all."""
    found = {}
    for name, data in sections(cubin).items():
        bank = re.fullmatch(r"\.nv\.constant(\d+)(?:\.(.*))?", name)
        if bank and (kernel is None or bank[2] in (None, kernel)):
            found[int(bank[1])] = data
    return found


def sections(elf: bytes) -> dict[str, bytes]:
    """The sections of an ELF file by name."""
    return {name: elf[start:stop] for name, (start, stop) in fatbin.sections(elf).items()}


def _told(name: str, *arguments: str) -> str:
    """What a tool prints of a file, the last argument. Kept in Triton's cache, as the tools take long to start."""
    *options, file = arguments
    asked = hashlib.sha256(f"{_release(tool(name))} {options} ".encode() + Path(file).read_bytes())
    kept = None
    with suppress(OSError, RuntimeError):  # no directory that can be written to
        kept = get_cache_manager(asked.hexdigest())
        if found := kept.get_file(_KEPT):
            return Path(found).read_text(encoding="utf-8")
    said = _run(name, *arguments)
    if kept is not None:
        with suppress(OSError):
            kept.put(said, _KEPT, binary=False)
    return said


@cache
def _release(path: str) -> str:
    """Which tool this is."""
    return subprocess.run([path, "--version"], capture_output=True, text=True, timeout=120).stdout


def _run(name: str, *arguments: str) -> str:
    command: Sequence[str] = [tool(name), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if ended.returncode != 0:
        raise ToolError(f"{name} failed: {ended.stderr.strip()[:300]}")
    return ended.stdout
