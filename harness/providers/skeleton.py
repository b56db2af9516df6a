"""The file that `elubench new-provider` writes: a Triton kernel for an op, right, and ready to be made faster."""

from __future__ import annotations

from collections.abc import Mapping

from harness.ops.catalogue import OPS
from harness.ops.op import Op
from harness.providers.errors import ProviderError

# The result in Triton, by the names of the op's inputs and parameters; inputs are fp32 there.
_RESULTS: Mapping[str, str] = {
    "elu": "scale * tl.where(x > 0, x, alpha * libdevice.expm1(input_scale * x))",
    "elu_backward": """\
grad_output * tl.where(
        self_or_result > 0,
        scale,
        input_scale * (self_or_result + alpha * scale)
        if is_result
        else alpha * scale * input_scale * libdevice.exp(input_scale * self_or_result),
    )""",
    "bias_elu": "tl.where(x + bias > 0, x + bias, alpha * libdevice.expm1(x + bias))",
    "elu_plus_one": "tl.where(x > 0, x + 1, libdevice.exp(x))",
    "elu_plus_one_backward": """\
grad_output * (
        tl.where(self_or_result > 1, 1.0, self_or_result)
        if is_result
        else tl.where(self_or_result > 0, 1.0, libdevice.exp(self_or_result))
    )""",
    "relu": "tl.where(x <= 0, 0.0, x)",
    "relu_backward": "tl.where(x <= 0, 0.0, grad_output)",
    "leaky_relu": "tl.where(x > 0, x, negative_slope * x)",
    "leaky_relu_backward": "tl.where(x > 0, grad_output, negative_slope * grad_output)",
    "prelu": "tl.where(x > 0, x, weight * x)",
    "shifted_relu": "tl.where(x < -1, -1.0, x)",
    "shifted_relu_backward": "tl.where(x <= -1, 0.0, grad_output)",
}

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
    if op.name not in _RESULTS:
        raise ProviderError(f"there is no skeleton for {op.name}; choose from {', '.join(_RESULTS)}")
    result = _RESULTS[op.name]
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
        libdevice="from triton.language.extra import libdevice\n" if "libdevice" in result else "",
        kernel=_listed([*kernel, "BLOCK: tl.constexpr"], "    "),
        loads="\n".join(loads),
        result=result,
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
