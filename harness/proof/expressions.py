"""What a straight kernel in PTX stores for one element, as an expression of what it loads for it.

The expression is the kernel's own: the instructions that the reader parsed, followed back from a store to the loads of
the same element. Elements of a thread are told to be computed alike by their expressions being the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.emulator.layout import place
from harness.emulator.ptx import (
    Address,
    Constant,
    Instruction,
    Kernel,
    Operand,
    Register,
    Special,
    Symbol,
    Vector,
)


class NotStraight(Exception):
    """The kernel is not of the kind that can be translated; the emulated GPU runs it all the same."""


@dataclass(frozen=True, eq=False)
class Node:
    """A value: an opcode with its operands, or a leaf: "tensor", "element", "number", "special"."""

    opcode: str
    operands: tuple[Node, ...] = ()
    value: object = None  # of a leaf


@dataclass
class _Reader:
    kernel: Kernel
    tensors: dict[str, str]  # by the parameter that holds its address
    parameters: bytes
    env: dict[str, Node] = field(default_factory=dict)
    known: dict[tuple[object, ...], Node] = field(default_factory=dict)
    stores: list[tuple[Node, Node]] = field(default_factory=list)  # (where, as a load from there would be; value)

    def node(self, opcode: str, operands: tuple[Node, ...] = (), value: object = None) -> Node:
        """Equal values are one object, so that expressions are compared by identity."""
        key = (opcode, tuple(map(id, operands)), value)
        return self.known.setdefault(key, Node(opcode, operands, value))

    def read(self) -> None:
        for step in self.kernel.instructions:
            if step.name == "ret" and step.guard is None:
                return
            if step.name in ("bra", "brx", "call", "bar", "barrier", "ret", "exit", "trap"):
                raise NotStraight(f"it branches or waits: `{step.text}` in line {step.line} of the PTX")
            guard = None if step.guard is None else self._operand(step.guard)
            if step.name == "st":
                self._store(step, guard)
            elif step.name == "ld":
                self._load(step, guard)
            else:
                self._compute(step, guard)

    def _compute(self, step: Instruction, guard: Node | None) -> None:
        target, *sources = step.operands
        if guard is not None or not isinstance(target, Register):
            raise NotStraight(f"`{step.text}` in line {step.line} of the PTX")
        operands = tuple(map(self._operand, sources))
        opcode = ".".join((step.name, *step.modifiers))
        plain = step.name == "mov" and len(operands) == 1
        self.env[target.name] = operands[0] if plain else self.node(opcode, operands)

    def _load(self, step: Instruction, guard: Node | None) -> None:
        target, address = step.operands[:2]
        items = target.items if isinstance(target, Vector) else (target,)
        if step.has("param"):
            assert isinstance(address, Address) and isinstance(address.base, Symbol)
            found = self._parameter(address.base.name, address.base.offset + address.offset)
            values = [found]
        elif step.has("global"):
            values = [self.node("load", (*self._place(address), *([guard] if guard else [])), item)
                      for item in range(len(items))]  # fmt: skip
        else:
            raise NotStraight(f"`{step.text}` in line {step.line} of the PTX")
        for item, value in zip(items, values, strict=True):
            if isinstance(item, Register):
                self.env[item.name] = value

    def _store(self, step: Instruction, guard: Node | None) -> None:
        address, source = step.operands[:2]
        if not step.has("global"):
            raise NotStraight(f"`{step.text}` in line {step.line} of the PTX")
        items = source.items if isinstance(source, Vector) else (source,)
        for number, item in enumerate(items):
            where = self.node("load", (*self._place(address), *([guard] if guard else [])), number)
            self.stores.append((where, self._operand(item)))

    def _parameter(self, name: str, offset: int) -> Node:
        if name in self.tensors:
            return self.node("tensor", value=self.tensors[name])
        offsets = place(self.kernel.parameters)[0]
        if name not in offsets:
            raise NotStraight(f"it has a variable, {name}")
        start = offsets[name] + offset
        return self.node("number", value=int.from_bytes(self.parameters[start : start + 4], "little"))

    def _place(self, address: Operand) -> tuple[Node, Node]:
        """(the tensor, the address with that tensor's own taken out)"""
        assert isinstance(address, Address)
        base = self._operand(address.base)
        whole = self.node("add.s64", (base, self.node("number", value=address.offset)))
        tensors = _tensors(whole)
        if len(tensors) != 1:
            raise NotStraight("an address is not one tensor's")
        (tensor,) = tensors
        return tensor, self._without(whole, tensor)

    def _without(self, node: Node, tensor: Node) -> Node:
        if node is tensor:
            return self.node("number", value=0)
        return self.node(node.opcode, tuple(self._without(each, tensor) for each in node.operands), node.value)

    def _operand(self, operand: Operand) -> Node:
        if isinstance(operand, Register):
            if operand.name not in self.env:
                raise NotStraight(f"{operand.name} is read before it is written")
            found = self.env[operand.name]
            return self.node("not.pred", (found,)) if operand.negated else found
        if isinstance(operand, Constant):
            bits = operand.bits if operand.bits is not None else int(operand.value)
            return self.node("number", value=bits)
        if isinstance(operand, Special):
            return self.node("special", value=operand.name)
        if isinstance(operand, Symbol):
            return self._parameter(operand.name, operand.offset)
        raise NotStraight("an operand is a vector")


def _tensors(node: Node) -> set[Node]:
    if node.opcode == "load":
        raise NotStraight("an address depends on what was loaded")
    own = {node} if node.opcode == "tensor" else set()
    return own.union(*map(_tensors, node.operands))


def element_of(kernel: Kernel, tensors: dict[str, str], parameters: bytes, out: str) -> Node:
    """What the kernel stores into `out` for one element, with leaves "element" for what it loads of the same element.

    Args:
        tensors: names of the launch's tensors, by the parameters that hold their addresses.
        parameters: the launch's, as bytes.

    Raises NotStraight where the kernel branches, waits, or computes elements in ways that differ.
    """
    reader = _Reader(kernel, tensors, parameters)
    reader.read()
    found: set[Node] = set()
    for where, value in reader.stores:
        tensor, *own = where.operands
        if tensor.value != out:
            raise NotStraight("it stores into more than its output")
        found.add(_element(reader, value, tuple(own), where.value, out))
    if len(found) != 1:
        raise NotStraight(f"its elements are computed in {len(found)} different ways")
    return found.pop()


def _element(reader: _Reader, value: Node, own: tuple[Node, ...], item: object, out: str) -> Node:
    """The expression with each load replaced by its tensor's name: all have to be of the element itself."""
    done: dict[Node, Node] = {}

    def replaced(node: Node) -> Node:
        if node not in done:
            if node.opcode == "load":
                tensor, *its = node.operands
                if node.value != item or tuple(its) != own:
                    raise NotStraight("an element depends on others")
                if tensor.value == out:
                    raise NotStraight("it reads what it writes")
                done[node] = reader.node("element", value=tensor.value)
            elif node.opcode in ("special", "tensor"):
                raise NotStraight("an element depends on its place")
            else:
                done[node] = reader.node(node.opcode, tuple(map(replaced, node.operands)), node.value)
        return done[node]

    return replaced(value)
