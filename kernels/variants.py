"""What the suite compiles: one `Variant` per kernel specialisation, for tools that read machine code.

Copying `kernels/` into a model's repository? This file may be left out; nothing imports it at run time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import bias, elementwise

_TRITON_NAME = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64"}
_ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
_FORMS = {"unit": 1.0, "general": 1.6732632423543772}
# Where fp64 is computed, parameters are constants; they are the last ones of every kernel that are no constexpr.
_PARAMETERS = ("alpha", "scale", "input_scale")


@dataclass(frozen=True)
class Variant:
    """One specialisation of one kernel, described well enough to compile it with no device.

    `signature` maps every parameter of `kernel` to its Triton type ("*bf16", "fp32", "i32", "constexpr", or ()
    for an empty tuple); `constexprs` gives the compile-time ones; `divisible_by_16` names the runtime
    parameters (pointers and integers) that are multiples of 16 in the main path.
    """

    op: str  # "elu", "elu_backward", "bias_elu", …
    name: str  # which specialisation: "unit", "general", "from_result unit", "rows unit", …
    dtype: str  # "bfloat16", "float16", "float32", "float64"
    kernel: Any  # a triton.JITFunction
    signature: dict[str, Any]
    constexprs: dict[str, Any]
    divisible_by_16: tuple[str, ...]
    num_warps: int
    elements_per_program: int  # elements of the main tensor that one program writes, all loop trips counted
    bytes_per_element: float  # the fewest bytes of global memory traffic per element of the main tensor
    loop_trips: int = 1  # how often one program runs the body of its (single) loop; 1 where there is none
    role: str = "main"  # "main", or "stage2" for the small second pass of a reduction


def variants(arch: str = "sm_90") -> list[Variant]:
    """Every specialisation that the launchers use on `arch` ("sm_80" … "sm_120", "gfx942") for dense tensors."""
    return [
        variant
        for dtype in _TRITON_NAME
        for each in (_elu, _elu_backward, _bias_elu, _bias_elu_backward, _sum_partials)
        for variant in each(dtype)
    ]


def _elu(dtype: str) -> Iterator[Variant]:
    block = elementwise.block_elements(_ITEM_BYTES[dtype])
    for form in _FORMS:
        yield _variant(
            "elu", form, dtype, elementwise.elu_kernel,
            integers=("elements",), form=form, elements=block, streams=2, constexprs={"BLOCK": block},
        )  # fmt: skip


def _elu_backward(dtype: str) -> Iterator[Variant]:
    block = elementwise.block_elements(_ITEM_BYTES[dtype])
    for is_result, prefix in ((False, ""), (True, "from_result ")):
        for form in _FORMS:
            yield _variant(
                "elu_backward", prefix + form, dtype, elementwise.elu_backward_kernel,
                integers=("elements",), form=form, elements=block, streams=3,
                constexprs={"BLOCK": block, "IS_RESULT": is_result},
            )  # fmt: skip


# A square Linear layer, and a convolution's 56×56 planes: what the tile sizes below are made for.
_SHAPES = {"rows": (8192, 8192, 1), "planes": (64, 256, 3136)}


def _bias_elu(dtype: str) -> Iterator[Variant]:
    for kind, shape in _SHAPES.items():
        tiles = bias.Tiles.of(*shape, _ITEM_BYTES[dtype])
        kernel = bias.rows_kernel if kind == "rows" else bias.planes_kernel
        for form in _FORMS:
            yield _variant(
                "bias_elu", f"{kind} {form}", dtype, kernel, integers=_integers(kind), form=form,
                elements=tiles.down * tiles.across, streams=2, constexprs=_tile_constexprs(tiles),
            )  # fmt: skip


def _bias_elu_backward(dtype: str) -> Iterator[Variant]:
    for kind, shape in _SHAPES.items():
        tiles = bias.Tiles.of(*shape, _ITEM_BYTES[dtype])
        kernel = bias.rows_backward_kernel if kind == "rows" else bias.planes_backward_kernel
        trips = {"TRIPS": tiles.trips} if kind == "rows" else {}
        for form in _FORMS:
            yield _variant(
                "bias_elu_backward", f"{kind} {form}", dtype, kernel, integers=_integers(kind), form=form,
                elements=tiles.down * tiles.across * tiles.trips, streams=3, loop_trips=tiles.trips,
                constexprs={**_tile_constexprs(tiles), **trips},
            )  # fmt: skip


def _sum_partials(dtype: str) -> Iterator[Variant]:
    name = "fp64" if dtype == "float64" else "fp32"
    yield Variant(
        "bias_elu_backward", "sum_partials", dtype, bias.sum_partials_kernel,
        signature={
            "partial_ptr": f"*{name}", "out_ptr": f"*{_TRITON_NAME[dtype]}", "terms": "i32", "channels": "i32",
            **dict.fromkeys(("INNER", "WIDE", "TERMS", "CHANNELS"), "constexpr"),
        },
        constexprs={"INNER": 1, "WIDE": False, "TERMS": 32, "CHANNELS": 32},
        divisible_by_16=("partial_ptr", "out_ptr", "terms", "channels"),
        num_warps=bias.WARPS, elements_per_program=32 * 32, bytes_per_element=8.0 if name == "fp64" else 4.0,
        role="stage2",
    )  # fmt: skip


def _integers(kind: str) -> tuple[str, ...]:
    return ("rows", "columns") if kind == "rows" else ("planes", "channels", "inner")


def _tile_constexprs(tiles: bias.Tiles) -> dict[str, Any]:
    if tiles.kind == "rows":
        return {"INNER": 1, "ROWS": tiles.down, "COLUMNS": tiles.across}
    return {"PLANES": tiles.down, "BLOCK": tiles.across}


def _variant(
    op: str,
    name: str,
    dtype: str,
    kernel: Any,
    *,
    integers: tuple[str, ...],
    form: str,
    elements: int,
    streams: int,
    constexprs: dict[str, Any],
    loop_trips: int = 1,
) -> Variant:
    """A main kernel: every parameter that is not named as an integer is told by its name."""
    constexprs = {"FORM": form, "WIDE": False, **constexprs}
    pointers = tuple(each for each in kernel.arg_names if each.endswith("_ptr"))
    signature: dict[str, Any] = {}
    for each in kernel.arg_names:
        if each in pointers:
            signature[each] = f"*{_TRITON_NAME[dtype]}"
        elif each in integers:
            signature[each] = "i32"
        elif each in _PARAMETERS and dtype != "float64":
            signature[each] = "fp32"
        elif each in _PARAMETERS:
            signature[each] = "constexpr"
            constexprs[each] = _FORMS[form]
        else:
            signature[each] = "constexpr" if each in constexprs else ()
    if "partial_ptr" in signature:
        signature["partial_ptr"] = "*fp64" if dtype == "float64" else "*fp32"
    return Variant(
        op, name, dtype, kernel, signature, constexprs, (*pointers, *integers), bias.WARPS, elements,
        float(streams * _ITEM_BYTES[dtype]), loop_trips,
    )  # fmt: skip
