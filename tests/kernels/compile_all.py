"""Compile kernels for an architecture with no device, and say in JSON what came out.

Run as a process of its own, without the interpreter: python -m tests.kernels.compile_all sm_90 [others]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from kernels.variants import Variant, variants

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
# Two dimensions for every tensor; a stride of 1 is a constant, as Triton makes it.
STRIDED = {"sizes": ("i32", "i32"), "strides": ("constexpr", "i32")}


def others(listed: list[Variant]) -> Iterator[Variant]:
    """What launchers also use and `variants` leaves out: odd parameters, huge tensors, strides, a small inner size."""
    for each in listed:
        if each.dtype == "float16":  # bfloat16 stands for both
            continue
        if each.role == "main" and each.name.endswith("general"):
            yield replace(each, name=f"{each.name} any", constexprs={**each.constexprs, "FORM": "any"})
            yield replace(each, name=f"{each.name} wide", constexprs={**each.constexprs, "WIDE": True})
            if "INNER" in each.constexprs:
                yield replace(each, name=f"{each.name} inner", constexprs={**each.constexprs, "INNER": 7})
            if "sizes" in each.signature:
                signature = {name: STRIDED.get(name.rpartition("_")[2], kind) for name, kind in each.signature.items()}
                yield replace(each, name=f"{each.name} strided", signature=signature)
        elif each.role == "stage2":
            changed = {**each.constexprs, "INNER": 7, "WIDE": True, "CHANNELS": 1, "TERMS": 1024}
            yield replace(each, name=f"{each.name} inner wide", constexprs=changed)


def compile_variant(variant: Variant, capability: int) -> triton.compiler.CompiledKernel:
    place = {name: (index,) for index, name in enumerate(variant.kernel.arg_names)}
    constants = {place[name]: value for name, value in variant.constexprs.items()}
    for name, kind in variant.signature.items():
        if isinstance(kind, tuple):
            constants |= {(*place[name], index): 1 for index, each in enumerate(kind) if each == "constexpr"}
    aligned = {place[name]: [["tt.divisibility", 16]] for name in variant.divisible_by_16}
    source = ASTSource(variant.kernel, variant.signature, constants, aligned)
    return triton.compile(
        source, target=GPUTarget("cuda", capability, 32), options={"num_warps": variant.num_warps}
    )  # fmt: skip


def local_memory(cubin: bytes) -> int:
    """Bytes of stack and local memory per thread: where registers are spilled to."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [TOOLS / "cuobjdump", "-res-usage", file.name]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(int(size) for size in re.findall(r"\b(?:STACK|LOCAL):([0-9]+)", usage))


def main(arch: str, *, with_others: bool) -> None:
    listed = variants(arch)
    rows = []
    for variant in [*listed, *(others(listed) if with_others else ())]:
        name = f"{variant.op} {variant.name} {variant.dtype}"
        try:
            compiled = compile_variant(variant, int(arch.removeprefix("sm_")))
        except Exception as error:
            sys.exit(f"{name} on {arch}: {error!r}")
        is_listed = variant in listed
        rows.append(
            {
                "name": name,
                "op": variant.op,
                "role": variant.role,
                "dtype": variant.dtype,
                "bytes_per_element": variant.bytes_per_element,
                "is_listed": is_listed,
                "accesses": re.findall(r"\b((?:ld|st)\.global[.\w]*)", compiled.asm["ptx"]),
                "local_memory": local_memory(compiled.asm["cubin"]) if is_listed else None,
            }
        )
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], with_others="others" in sys.argv[2:])
