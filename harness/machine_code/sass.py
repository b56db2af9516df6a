"""Reads NVIDIA's machine code, in the listing that nvdisasm makes, into instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.machine_code.instructions import LOCAL, SHARED, MachineInstruction, MemoryAccess

# "/*0e20*/  @!P1 STG.E.128 desc[UR4][R2.64], R4 ;", and labels on lines of their own
_LINE = re.compile(
    r"/\*(?P<address>[0-9a-f]{4,})\*/\s+(?:@(?P<predicate>!?U?P[0-9T]+)\s+)?(?P<opcode>[A-Z][\w.]*)(?P<rest>[^;]*);"
)
_LABEL = re.compile(r"^\s*(\.L_\w+):", re.MULTILINE)
_REGISTER = re.compile(r"\b(?:U?R[0-9]+|U?P[0-6]|PR)\b")
_DESTINATION = re.compile(r"^(?:U?R[0-9]+|U?P[0-6]|U?RZ|U?PT|PR)\b")
_PREDICATE = re.compile(r"^U?P[0-6T]$")

_SPACES = {"LDG": "global", "STG": "global", "LD": "global", "ST": "global", "ATOMG": "global", "REDG": "global",
           "ATOM": "global", "RED": "global", "LDGSTS": "global", "LDS": "shared", "STS": "shared", "LDSM": "shared",
           "STSM": "shared", "ATOMS": "shared", "LDL": "local", "STL": "local"}  # fmt: skip
_BRANCHES = ("BRA", "BRX", "JMP", "CALL", "BREAK")
_ENDS = ("EXIT", "RET", "KILL")
# They write no register, whatever their first operand is.
_NO_RESULT = frozenset({
    "ST", "STG", "STS", "STSM", "STL", "RED", "REDG", "LDGSTS", "BRA", "BRX", "JMP", "CALL", "BREAK", "EXIT", "RET",
    "KILL", "BPT", "BAR", "BSSY", "BSYNC", "WARPSYNC", "DEPBAR", "LDGDEPBAR", "MEMBAR", "ERRBAR", "FENCE", "CCTL",
    "NOP", "YIELD", "NANOSLEEP", "SYNCS", "ACQBULK",
})  # fmt: skip


def name_of(opcode: str) -> str:
    """The operation without its modifiers: "LDG" of "LDG.E.128"."""
    return opcode.partition(".")[0]


def parse(listing: str, start: int = 0) -> list[MachineInstruction]:
    """The instructions of one function, which begins at address `start` of the listing.

    Both forms of listing are read: with labels (`nvdisasm -c FILE`), and with addresses for them
    (`nvdisasm -b ARCH FILE`).
    """
    labels, lines = _lines(listing)
    place = {int(line["address"], 16): index for index, line in enumerate(lines)}
    return [_instruction(line, place, labels, start) for line in lines]


def _lines(listing: str) -> tuple[dict[str, int], list[re.Match[str]]]:
    """({label: place of what follows it}, the lines that hold instructions)."""
    labels: dict[str, int] = {}
    lines: list[re.Match[str]] = []
    for text in listing.splitlines():
        label = _LABEL.match(text)
        line = _LINE.search(text)
        if label:
            labels[label[1]] = len(lines)
        elif line:
            lines.append(line)
    return labels, lines


def _instruction(line: re.Match[str], place: dict[int, int], labels: dict[str, int], start: int) -> MachineInstruction:
    opcode, predicate = line["opcode"], line["predicate"]
    name = name_of(opcode)
    operands = [each.strip() for each in re.split(r",(?![^\[]*\])", line["rest"]) if each.strip()]
    writes = frozenset(_results(name, opcode, operands))
    reads = set(_REGISTER.findall(" ".join(operands[_result_count(name, operands) :])))
    if predicate:
        reads.add(predicate.lstrip("!"))
    access = _access(name, opcode)
    space = access.space if access else None
    memory = {"shared": SHARED, "local": LOCAL}.get(space or "")
    if name == "LDGSTS":  # from global memory to shared memory, past the registers
        writes |= {SHARED}
    elif memory and access and access.is_store:
        writes |= {memory}
    elif memory:
        reads.add(memory)
    is_sure = predicate is None or predicate in ("PT", "UPT")
    return MachineInstruction(
        opcode,
        frozenset(reads),
        writes,
        _target(name, line["rest"], place, labels),
        ends=is_sure and (name in _ENDS or name in ("BRA", "BRX", "JMP")) and not _is_conditional(operands),
        may_end=not is_sure and name in _ENDS,
        is_predicated=not is_sure,
        access=access,
    )


def _is_conditional(operands: list[str]) -> bool:
    """Whether a branch that has no predicate before it has one among its operands, as in "BRA.U UP0, LABEL"."""
    return any(re.match(r"!?U?P[0-6]$", each) for each in operands)


def _target(name: str, rest: str, place: dict[int, int], labels: dict[str, int]) -> int | None:
    if name not in _BRANCHES:
        return None
    label = re.search(r"`\((\.L_\w+)\)", rest)
    if label:
        return labels.get(label[1])
    address = re.search(r"\b0x([0-9a-f]+)\b", rest)
    return place.get(int(address[1], 16)) if address else None


def _result_count(name: str, operands: list[str]) -> int:
    """How many of the first operands are written: a register, and the predicates that carry or compare."""
    if name in _NO_RESULT or not operands or not _DESTINATION.match(operands[0]):
        return 0
    if "SETP" in name or name in ("PLOP3", "UPLOP3", "SHFL", "FCHK"):
        return 2 if len(operands) > 1 and _DESTINATION.match(operands[1]) else 1
    count = 1
    while count < len(operands) and _PREDICATE.match(operands[count]) and not _PREDICATE.match(operands[0]):
        count += 1
    # A predicate that is the last operand is one to select by: "SEL R1, R2, R3, P0" has a register before it.
    return count


def _results(name: str, opcode: str, operands: list[str]) -> Iterator[str]:
    for operand in operands[: _result_count(name, operands)]:
        for register in _REGISTER.findall(operand):
            if register == "PR":
                yield from (f"P{index}" for index in range(7))
                continue
            yield register
            kind, number = re.match(r"(U?[RP])(\d+)", register).groups()  # type: ignore[union-attr]
            if kind.endswith("R"):
                yield from (f"{kind}{int(number) + further}" for further in range(1, _registers(name, opcode)))


def _registers(name: str, opcode: str) -> int:
    """How many registers of 4 bytes a result takes."""
    parts = opcode.split(".")[1:]
    for bits in ("256", "128", "64"):
        if bits in parts or f"U{bits}" in parts:
            return int(bits) // 32 if bits != "256" else 4  # 256 bits come in two groups, each an operand
    if name in ("CS2R", "DADD", "DMUL", "DFMA") or "WIDE" in parts or "F64" in parts[:1]:
        return 2
    return 4 if name in ("LDSM", "HMMA") else 1


def _access(name: str, opcode: str) -> MemoryAccess | None:
    space = _SPACES.get(name)
    if space is None:
        return None
    parts = opcode.split(".")[1:]
    width = next((bits // 8 for bits in (256, 128, 64, 16, 8) if {str(bits), f"U{bits}", f"S{bits}"} & set(parts)), 4)
    if name in ("LDSM", "STSM"):
        width = 4 * next((int(part) for part in parts if part in ("2", "4")), 1)
    return MemoryAccess(space, name.startswith(("ST", "RED")), width)
