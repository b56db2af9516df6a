"""The file that `elubench new-provider` writes: a Triton kernel for an op, right, and ready to be made faster."""

from __future__ import annotations

from harness.ops.catalogue import OPS
from harness.ops.op import Op
from harness.providers.errors import ProviderError

_FILE = '''\
"""{op} in Triton: {summary}.

Is it right?  elubench check {file}
Is it fast?   elubench run --op {op} --provider eager --provider {file}
"""

import triton
import triton.language as tl
{libdevice}
BLOCK = 1024  # elements of one program


@triton.jit
def kernel({kernel}):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_there = i < n
{loads}
    result = {result}
    tl.store(out_ptr + i, result, mask=is_there)


def {op}({takes}):
{checks}    n = {main}.numel()
    kernel[(triton.cdiv(n, BLOCK),)]({given})
'''
_IN_ORDER = (
    "    # Tensors of the op's shape lie in memory in one order, so their elements are taken as they lie there.\n"
)
_ALONG_DIM = """\
    # A vector's element is found by the place of x's in memory: that takes x in the order of its indices.
    if not x.is_contiguous():
        raise NotImplementedError("only contiguous tensors")
    size, inner = x.shape[dim], x.stride(dim)
"""


def skeleton(op: Op, file: str) -> str:
    """The source of a provider for an op. Raises ProviderError where there is none for it."""
    if not op.in_triton:
        others = ", ".join(name for name, each in OPS.items() if each.in_triton)
        raise ProviderError(f"there is no skeleton for {op.name}; choose from {others}")
    inputs = [name.rstrip("*") for name in op.inputs]
    vectors = [name.rstrip("*") for name in op.inputs if "*" in name]
    sizes = ["size", "inner"] if vectors else []
    params = [name for name in op.params if name != "dim"]
    kernel = [f"{name}_ptr" for name in [*inputs, "out"]] + ["n", *sizes]
    kernel += [f"{name}: tl.constexpr" if isinstance(op.params[name], bool) else name for name in params]
    loads = [
        f"    {name} = tl.load({name}_ptr + {'i // inner % size' if name in vectors else 'i'}, mask=is_there)"
        ".to(tl.float32)"
        for name in inputs
    ]
    return _FILE.format(
        op=op.name,
        summary=op.summary,
        file=file,
        libdevice="from triton.language.extra import libdevice\n" if "libdevice" in op.in_triton else "",
        kernel=_listed([*kernel, "BLOCK: tl.constexpr"], "    "),
        loads="\n".join(loads),
        result=op.in_triton,
        takes=", ".join([*inputs, *op.params, "out"]),
        checks=_ALONG_DIM if vectors else _IN_ORDER,
        main=inputs[0],
        given=_listed([*inputs, "out", "n", *sizes, *params, "BLOCK=BLOCK"], "        "),
    )


def _listed(names: list[str], indent: str) -> str:
    """Names for a pair of parentheses: on one line where they are few."""
    line = ", ".join(names)
    return line if len(line) <= 80 else f"\n{indent}{f',{chr(10)}{indent}'.join(names)},\n{indent[4:]}"


def op_named(name: str) -> Op:
    """The op of that name. Raises ProviderError."""
    if name not in OPS:
        raise ProviderError(f"there is no op {name!r}; choose from {', '.join(OPS)}")
    return OPS[name]
