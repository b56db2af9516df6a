"""Reads AMD's machine code, in the text that Triton's compiler writes, into instructions."""

from __future__ import annotations

import re

from harness.machine_code.instructions import LOCAL, SHARED, MachineInstruction, MemoryAccess

_REGISTER = re.compile(r"\b([vsa])(?:([0-9]+)\b|\[([0-9]+):([0-9]+)\])|\b(vcc|exec|scc|m0)\b")
_SETS_SCC = re.compile(
    r"s_(?:add|sub|mul_hi|and|or|xor|nand|nor|xnor|andn2|orn2|lsh|ash|not|bfe|min|max|abs|cmp|bitcmp|wqm)"
)
_WIDTH = re.compile(r"(dwordx?(?P<words>[0-9]*))|(?P<half>short)|(?P<byte>byte)|b(?P<bits>[0-9]+)")
_SPACES = {"global": "global", "flat": "global", "buffer": "global", "ds": "shared", "scratch": "local"}


def parse(text: str) -> list[MachineInstruction]:
    """The instructions of the one kernel in an assembly file."""
    labels: dict[str, int] = {}
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.partition(";")[0].strip()
        if line.startswith(".Lfunc_end"):
            break
        label = re.fullmatch(r"([\w.$]+):", line)
        if label:
            labels[label[1]] = len(lines)
        elif re.match(r"(?:v|s|global|flat|buffer|ds|scratch)_", line):
            lines.append(line)
    return [_instruction(line, labels) for line in lines]


def number(text: str, name: str) -> int:
    """A number from the metadata at the file's end, as `vgpr_count`; 0 where it is not there."""
    found = re.search(rf"\.{name}:\s*([0-9]+)", text)
    return int(found[1]) if found else 0


def _instruction(line: str, labels: dict[str, int]) -> MachineInstruction:
    opcode, _, rest = line.partition(" ")
    operands = [each.strip() for each in re.split(r",(?![^\[]*\])", rest)]
    access = _access(opcode)
    is_branch = opcode.startswith(("s_branch", "s_cbranch"))
    has_result = not (
        is_branch or opcode.startswith(("s_waitcnt", "s_barrier", "s_nop", "s_endpgm", "s_cmp", "s_bitcmp"))
    )
    results = 1 if has_result and not (access and access.is_store) else 0
    results += "_co_" in opcode and len(operands) > 1
    writes = _registers(operands[:results])
    reads = _registers(operands[results:])
    if _SETS_SCC.match(opcode):
        writes.add("scc")
    if "saveexec" in opcode:
        writes.add("exec")
        reads.add("exec")
    if opcode.startswith("s_cbranch"):
        reads.add(re.sub(r"n?z$|[01]$", "", opcode.removeprefix("s_cbranch_")))
    if opcode.startswith(("v_cndmask_b32_e32", "v_addc_co", "v_subb_co")):
        reads.add("vcc")
    memory = {"shared": SHARED, "local": LOCAL}.get(access.space if access else "")
    if memory:
        (writes if access and access.is_store else reads).add(memory)
    target = labels.get(operands[0]) if is_branch else None
    ends = opcode.startswith(("s_branch", "s_endpgm", "s_setpc"))
    return MachineInstruction(opcode, frozenset(reads), frozenset(writes), target, ends, access=access)


def _registers(operands: list[str]) -> set[str]:
    found: set[str] = set()
    for kind, one, first, last, special in _REGISTER.findall(" ".join(operands)):
        if special:
            found.add(special)
        elif one:
            found.add(kind + one)
        else:
            found.update(f"{kind}{index}" for index in range(int(first), int(last) + 1))
    return found


def _access(opcode: str) -> MemoryAccess | None:
    unit, _, operation = opcode.partition("_")
    space = _SPACES.get(unit)
    if space is None or not operation.startswith(("load", "store", "read", "write", "atomic")):
        return None
    return MemoryAccess(space, operation.startswith(("store", "write")), _width(operation))


def _width(operation: str) -> int:
    found = _WIDTH.search(operation)
    if found is None:
        return 4
    if found["half"] or found["byte"]:
        return 2 if found["half"] else 1
    pair = 2 if operation.startswith(("read2", "write2")) else 1
    return pair * int(found["bits"]) // 8 if found["bits"] else 4 * int(found["words"] or 1)
