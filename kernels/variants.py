"""What the suite compiles: one `Variant` per kernel specialisation, for tools that read machine code.

Copying `kernels/` into a model's repository? This file may be left out; nothing imports it at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One specialisation of one kernel, described well enough to compile it with no device.

    `signature` maps every parameter of `kernel` to its Triton type ("*bf16", "fp32", "i32", "constexpr");
    `constexprs` gives the compile-time ones; `divisible_by_16` names the runtime parameters (pointers and
    integers) that the launcher guarantees to be multiples of 16 in the main path.
    """

    op: str  # "elu", "elu_backward", "bias_elu", …
    name: str  # which specialisation: "unit", "general", "from_input", "last_dim", …
    dtype: str  # "bfloat16", "float16", "float32", "float64"
    kernel: Any  # a triton.JITFunction
    signature: dict[str, str]
    constexprs: dict[str, Any]
    divisible_by_16: tuple[str, ...]
    num_warps: int
    elements_per_program: int  # elements of the main tensor that one program writes, all loop trips counted
    bytes_per_element: float  # the fewest bytes of global memory traffic per element of the main tensor
    loop_trips: int = 1  # how often one program runs the body of its (single) loop; 1 where there is none
    role: str = "main"  # "main", or "stage2" for the small second pass of a reduction
    num_stages: int = field(default=1)


def variants(arch: str = "sm_90") -> list[Variant]:
    """Every specialisation that the launchers use on `arch` ("sm_80" … "sm_120", "gfx942")."""
    from . import bias, elementwise

    return elementwise.variants(arch) + bias.variants(arch)
