"""Parses the text of PTX into a kernel."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from harness.emulator.ptx import (
    VARIABLE,
    Address,
    Constant,
    Instruction,
    Kernel,
    Operand,
    PtxError,
    Register,
    Special,
    Symbol,
    Vector,
    number,
    variable,
)

_LOC = re.compile(r"\s*\.loc\s+(\d+)\s+(\d+)\s+\d+")
_CALLER = re.compile(r"@\[ ([^\s\]]+?)(?::\d+)? ")
_LABEL = re.compile(r"\s*([$\w.]+)\s*:(?!:)")
_PIECE = re.compile(r"[;{}]")
_REGISTERS = re.compile(r"\.reg\s+\.(\w+)\s+(.+)", re.S)
_STATEMENT = re.compile(r"(?:@(!?)([%\w$]+)\s+)?([a-z]\w*)((?:(?:\.|::)\w+)*)\s*(.*)", re.S)
_SPECIAL = re.compile(
    r"%(?:n?tid|n?ctaid|laneid|n?warpid|n?smid|gridid|clock|clock64|clock_hi|globaltimer\w*|lanemask_\w+|envreg\d+"
    r"|dynamic_smem_size|total_smem_size|cluster\w*|nclusterid|is_explicit_cluster)(?:\.[xyzw])?"
)

_COMMENT = re.compile(r"//.*|/\*.*?\*/")
_FILE = re.compile(r'^\s*\.file\s+(\d+)\s+"([^"]*)"', re.M)


@lru_cache(maxsize=256)
def parse(text: str) -> Kernel:
    """The one entry of a module. Raises PtxError where there is none or more, or a statement is not understood."""
    entries = re.findall(r"\.entry\s+([\w$]+)", text)
    if len(entries) != 1:
        raise PtxError(f"PTX with {len(entries)} entries, where one kernel is expected")
    target = re.search(r"\.target\s+(\w+)", text)
    start = text.index(".entry")
    kernel = Kernel(entries[0], target[1] if target else "")
    for found in VARIABLE.finditer(_COMMENT.sub("", text[:start])):
        declared = variable(found)
        kernel.variables[declared.name] = declared
    body = text.index("{", start)
    for found in VARIABLE.finditer(_COMMENT.sub("", text[start:body])):
        kernel.parameters.append(variable(found))
    files = {number: path.rsplit("/", 1)[-1] for number, path in _FILE.findall(text)}
    Reader(kernel, files).read(text[body + 1 :], text.count("\n", 0, body) + 1)
    return kernel


class Reader:
    """Adds to a kernel what its body says; `files` names the source files by their numbers."""

    def __init__(self, kernel: Kernel, files: dict[str, str]) -> None:
        self._kernel = kernel
        self._files = files
        self._place = ""
        self._line = 0
        # What names mean, from the outermost braces in: exact names, and "%r" for %r<100>.
        self._scopes: list[dict[str, Register]] = [{}]
        # Of the same braces: the first instruction in them, and the labels, which are known in them alone.
        self._labels: list[tuple[int, dict[str, int]]] = [(0, kernel.labels)]
        self._braces = 0

    def read(self, body: str, first_line: int) -> None:
        """Read until the brace that ends the body."""
        pending = ""
        for self._line, raw in enumerate(body.split("\n"), start=first_line):
            if loc := _LOC.match(raw):
                callers = "".join(f" (called from {each})" for each in _CALLER.findall(raw)[-1:])
                self._place = f"{self._files.get(loc[1], loc[1])}:{loc[2]}{callers}"
                continue
            text = raw.split("//", 1)[0]
            if not pending and (label := _LABEL.match(text)):
                self._label(label[1])
                text = text[label.end() :]
            pending = self._pieces(pending + text + " ").lstrip()
            if not self._scopes:
                return
        raise PtxError(f"the body of {self._kernel.name} does not end")

    def _pieces(self, text: str) -> str:
        """Take the whole statements of a text, and give back what is left of it."""
        start = position = 0
        while piece := _PIECE.search(text, position):
            position = piece.end()
            before = text[start : piece.start()].strip()
            if piece[0] == "{" and (before and not _LABEL.fullmatch(before + " ")):
                self._braces += 1  # of a vector operand
            elif piece[0] == "}" and self._braces:
                self._braces -= 1
            else:
                start = position
                if piece[0] == "{":
                    self._scopes.append({})
                    self._labels.append((len(self._kernel.instructions), {}))
                elif piece[0] == "}":
                    self._scopes.pop()
                    self._name_apart(*self._labels.pop())
                    if not self._scopes:
                        return ""
                elif before:
                    self._statement(before)
        self._braces = 0  # what is left is looked at once more, from its start
        return text[start:]

    def _statement(self, text: str) -> None:
        if label := _LABEL.match(text):
            self._label(label[1])
            text = text[label.end() :].strip()
        if registers := _REGISTERS.fullmatch(text):
            self._declare(registers[1], registers[2])
        elif found := VARIABLE.fullmatch(text):
            declared = variable(found)
            self._kernel.variables[declared.name] = declared
        elif not text.startswith("."):
            self._instruction(text)

    def _label(self, name: str) -> None:
        self._labels[-1][1][name] = len(self._kernel.instructions)

    def _name_apart(self, first: int, labels: dict[str, int]) -> None:
        """At the end of inner braces: give their labels names of their own, and the branches in them those names."""
        if not self._labels or not labels:
            return
        own = {name: f"{name}#{first}.{len(self._labels)}" for name in labels}
        self._kernel.labels.update({own[name]: place for name, place in labels.items()})
        code = self._kernel.instructions
        for index in range(first, len(code)):
            operands = tuple(
                replace(each, name=own[each.name]) if isinstance(each, Symbol) and each.name in own else each
                for each in code[index].operands
            )
            code[index] = replace(code[index], operands=operands)

    def _declare(self, kind: str, names: str) -> None:
        depth = len(self._scopes)
        for name in (each.strip() for each in names.split(",")):
            plain = name.split("<", 1)[0]
            # Two pairs of braces one after the other have registers of their own, by the line they are in.
            unique = plain if depth == 1 else f"{plain}#{len(self._kernel.instructions)}"
            self._scopes[-1][name[: name.index("<") + 1] if "<" in name else name] = Register(unique, kind)

    def _register(self, name: str) -> Register | None:
        prefix = name.rstrip("0123456789")
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
            if found := scope.get(prefix + "<"):
                return Register(found.name + name[len(prefix) :], found.type)
        return None

    def _instruction(self, text: str) -> None:
        found = _STATEMENT.fullmatch(text)
        if found is None:
            raise PtxError(f"not an instruction: `{text}` in line {self._line} of the PTX")
        negated, guard, name, modifiers, operands = found.groups()
        predicate = self._register(guard) if guard else None
        if guard and predicate is None:
            raise PtxError(f"{guard} is not declared: `{text}` in line {self._line} of the PTX")
        if predicate is not None and negated:
            predicate = Register(predicate.name, predicate.type, True)
        self._kernel.instructions.append(
            Instruction(
                len(self._kernel.instructions), name, tuple(re.split(r"\.|::", modifiers)[1:]),
                tuple(self._operand(each) for each in _split(operands)), predicate,
                re.sub(r"\s+", " ", text), self._line, self._place,
            )
        )  # fmt: skip

    def _operand(self, text: str) -> Operand:
        if text == "_":
            return None
        if text[0] == "{":
            return Vector(tuple(self._operand(each) for each in _split(text[1:-1])))
        if text[0] == "[":
            return self._address(text[1:-1])
        if text[0] == "!":
            register = self._register(text[1:].strip())
            if register is not None:
                return Register(register.name, register.type, True)
        if "|" in text:
            return Vector(tuple(self._operand(each.strip()) for each in text.split("|")))
        register = self._register(text)
        if register is not None:
            return register
        if _SPECIAL.fullmatch(text):
            return Special(text[1:])
        literal = number(text)
        if literal is not None:
            return literal
        return _symbol(text)

    def _address(self, text: str) -> Operand:
        if "," in text:  # a tensor map and its coordinates
            return Vector(tuple(self._operand(each) for each in _split(text)))
        found = re.fullmatch(r"\s*(.+?)\s*(?:([+-])\s*(-?\w+))?\s*", text)
        assert found is not None
        offset = number(found[3]) if found[3] else Constant(0)
        if offset is None:
            raise PtxError(f"not an address: [{text}] in line {self._line} of the PTX")
        base = self._operand(found[1])
        if isinstance(base, Symbol):
            base = Symbol(base.name, 0)
        if not isinstance(base, (Register, Symbol, Constant)):
            raise PtxError(f"not an address: [{text}] in line {self._line} of the PTX")
        return Address(base, int(offset.value) * (-1 if found[2] == "-" else 1))


def _symbol(text: str) -> Symbol:
    name, plus, offset = text.partition("+")
    literal = number(offset.strip()) if plus else Constant(0)
    if not re.fullmatch(r"[%$\w.]+", name.strip()) or literal is None:
        raise PtxError(f"not an operand: `{text}`")
    return Symbol(name.strip(), int(literal.value))


def _split(text: str) -> list[str]:
    """At the commas outside of braces and brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        if letter in "{[(":
            depth += 1
        elif letter in "}])":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return [each for each in parts if each]
