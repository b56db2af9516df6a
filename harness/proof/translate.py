"""The expression of one element as a function of Python that numba compiles: its opcodes, by name, in `scalar`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from harness.emulator.instructions.approximate import EX2_BOUND
from harness.proof import scalar
from harness.proof.expressions import Node, NotStraight
from harness.proof.lines import End

FACTORS = {End.NEAREST: 1.0, End.UNUSED: 1.0, End.LOW: 1.0 - EX2_BOUND, End.HIGH: 1.0 + EX2_BOUND}
_ARITHMETIC = {"add": "add", "sub": "sub", "mul": "mul", "fma": "fma", "neg": "neg", "abs": "absolute", "div": "div"}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BITWISE = {"and": "&", "or": "|", "xor": "^"}
_WORDS = {"b32", "u32", "s32", "f32"}


def source_of(element: Node, known: str) -> str:
    """The source of `outputs(bits, factor, out)`: the element of every input, where the other tensors hold 1.

    Raises NotStraight for an opcode that it does not know.
    """
    names: dict[Node, str] = {}
    lines: list[str] = []

    def name(node: Node) -> str:
        if node not in names:
            operands = [name(each) for each in node.operands]
            names[node] = f"v{len(names)}"
            lines.append(f"{names[node]} = {_expression(node, operands, known)}")
        return names[node]

    result = name(element)
    body = "\n        ".join([*lines, f"out[i] = {result}"])
    return f"def outputs(bits, factor, out):\n    for i in range(bits.size):\n        {body}\n"


def compiled(source: str) -> Callable[[Any, float, Any], None]:
    """The function of a source, in the machine code of this processor."""
    scope: dict[str, Any] = {"s": scalar, "np": np}
    exec(source, scope)  # our own text: numbers, and names of `scalar`
    return njit(error_model="numpy", boundscheck=False)(scope["outputs"])


def outputs(function: Callable[[Any, float, Any], None], bits: Any, end: End) -> Any:
    """What a compiled function gives for inputs as bits."""
    out = np.empty_like(bits)
    function(bits, FACTORS[end], out)
    return out


def _expression(node: Node, operands: list[str], known: str) -> str:
    if node.opcode == "element":
        return "bits[i]" if node.value == known else "np.uint32(0x3F800000)"
    if node.opcode == "number":
        assert isinstance(node.value, int)
        return f"np.uint32({node.value % (1 << 32):#x})"
    opcode, *modifiers = node.opcode.split(".")
    found = _floating(opcode, modifiers, operands) or _integral(opcode, modifiers, operands)
    if found is None:
        raise NotStraight(f"{node.opcode} is not translated")
    return found


def _floating(opcode: str, modifiers: list[str], operands: list[str]) -> str | None:
    if "f32" not in modifiers or opcode in ("selp", "mov"):
        return None
    types, rest = [each for each in modifiers if each == "f32"], {each for each in modifiers if each != "f32"}
    ftz = "ftz" in rest
    given = [f"s.flush({each})" for each in operands] if ftz else operands
    rest -= {"ftz"}
    if opcode == "ex2" and rest == {"approx"}:
        return f"s.ex2({operands[0]}, factor, {ftz})"
    if opcode == "setp":
        return _comparison(rest, given)
    if opcode == "cvt":
        return _conversion(rest, types, given, ftz)
    if opcode in ("min", "max") and rest <= {"NaN"} and len(given) == 2:
        return f"s.{opcode}imum{'_nan' if rest else ''}({', '.join(given)})"
    if opcode == "fma" and "rm" in rest:
        function, rest = "fma_down", rest - {"rm"}
    elif opcode in _ARITHMETIC and not (opcode == "div" and rest - {"rn", "full"}):
        function, rest = _ARITHMETIC[opcode], rest - {"rn", "full"}
    else:
        return None
    text = f"s.{function}({', '.join(given)})"
    text = f"s.flush({text})" if ftz else text
    if rest == {"sat"}:
        return f"s.sat({text})"
    return None if rest else text


def _comparison(rest: set[str], given: list[str]) -> str | None:
    (how,) = rest if len(rest) == 1 else ("",)
    a, b = (f"s.to_f32({each})" for each in given[:2])
    if len(given) != 2:
        return None
    if how in _COMPARISONS:  # false where one is a NaN; of Python's, only != is true then
        return f"({a} < {b}) | ({a} > {b})" if how == "ne" else f"{a} {_COMPARISONS[how]} {b}"
    if how[:-1] in _COMPARISONS and how.endswith("u"):
        return f"({a} {_COMPARISONS[how[:-1]]} {b}) | s.is_nan({given[0]}) | s.is_nan({given[1]})"
    unordered = f"s.is_nan({given[0]}) | s.is_nan({given[1]})"
    return {"nan": unordered, "num": f"not ({unordered})"}.get(how)


def _conversion(rest: set[str], types: list[str], given: list[str], ftz: bool) -> str | None:
    if rest == {"rn", "s32"} and not ftz:
        return f"s.from_s32({given[0]})"
    if len(types) != 2:
        return None
    integral = {"rni": "round_even", "rmi": "round_down"}.get(next(iter(rest - {"sat"}), ""))
    text = f"s.{integral}({given[0]})" if integral else f"s.canonical({given[0]})"
    if rest - {"sat", "rni", "rmi"}:
        return None
    return f"s.sat({text})" if "sat" in rest else text


def _integral(opcode: str, modifiers: list[str], operands: list[str]) -> str | None:
    kind = modifiers[-1] if modifiers else ""
    if opcode == "selp" and kind in _WORDS:
        return f"s.select({operands[2]}, {operands[0]}, {operands[1]})"
    if opcode == "mov" and kind in _WORDS | {"pred"}:
        return operands[0]
    if kind == "pred" and opcode in _BITWISE:
        return f"{operands[0]} {_BITWISE[opcode]} {operands[1]}"
    if kind == "pred" and opcode == "not":
        return f"not {operands[0]}"
    if kind not in _WORDS or len(modifiers) != 1:
        return None
    if opcode in _BITWISE:
        return f"np.uint32({operands[0]} {_BITWISE[opcode]} {operands[1]})"
    if opcode in ("add", "sub"):
        return f"np.uint32({operands[0]} {'+' if opcode == 'add' else '-'} {operands[1]})"
    if opcode == "not":
        return f"np.uint32(~{operands[0]})"
    if opcode in ("shl", "shr"):
        return f"s.{'sar' if opcode == 'shr' and kind == 's32' else opcode}({operands[0]}, {operands[1]})"
    return None
