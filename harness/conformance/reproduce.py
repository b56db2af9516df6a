"""Three lines of Python that show a fail without elubench, for each provider."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import providers
from harness.conformance import judges
from harness.conformance.checks import SemanticCheck
from harness.conformance.judges import GRAD, CheckResult
from harness.ops.catalogue import OPS
from harness.providers.peers.cupy import kernel_text

Lines = tuple[str, str, str]


@dataclass(frozen=True)
class Reproducible:
    """A fail to be shown: the element `index` of a tensor of `shape` that holds one value throughout."""

    check: SemanticCheck
    dtype: str
    finding: CheckResult
    device: str  # of PyTorch's tensors

    @property
    def params(self) -> list[float | bool]:
        return list({**OPS[self.check.op].params, **self.check.params}.values())

    @property
    def alpha(self) -> float | bool:
        return self.params[0]

    @property
    def is_gradient(self) -> bool:
        return self.check.op == "elu_backward"

    @property
    def value(self) -> str:
        return _number(self.finding.input)

    @property
    def shape(self) -> str:
        return str(self.finding.shape or (64,))

    @property
    def place(self) -> str:
        """What picks the element from a flattened result."""
        return "" if self.finding.index is None else f"[{self.finding.index}]"

    @property
    def after(self) -> str:
        """What is printed after the result."""
        return "" if self.finding.true is None else f', "where {self.finding.true:.9g} is true"'

    def torch_x(self, grad: bool = False) -> str:
        """The input as a tensor of PyTorch, in the check's layout."""
        where = "" if self.device == "cpu" else f', device="{self.device}"'
        text = f"torch.full({self.shape}, {self.value}, dtype=torch.{self.dtype}{where}"
        if self.check.layout == "transposed":
            rows, columns = self.finding.shape
            text = text.replace(self.shape, str((columns, rows)))
            return f"{text}).t()"
        if self.check.layout == "channels_last":
            return f"{text}).to(memory_format=torch.channels_last)"
        return f"{text}{', requires_grad=True' if grad else ''})"


def lines(spec: str, fault: Reproducible) -> Lines:
    """The three lines for a provider."""
    if fault.check.judge in (judges.in_place, judges.second_derivative):
        writer = _DERIVED.get(spec, _torch_derived)
    else:
        writer = _POINTWISE.get(spec, _of_file)
    return writer(spec, fault)


def _number(value: float | None) -> str:
    text = repr(0.0 if value is None else value)
    return f'float("{text}")' if text in ("inf", "-inf", "nan") else text


def _torch(spec: str, fault: Reproducible) -> Lines:
    """PyTorch's operators, as they are or compiled."""
    *params, result = (*fault.params, "") if not fault.is_gradient else fault.params
    numbers = ", ".join(map(str, params))
    if fault.is_gradient:
        function = f"lambda x: torch.ops.aten.elu_backward(torch.full_like(x, {GRAD}), {numbers}, {result}, x)"
    else:
        function = f"lambda x: torch.ops.aten.elu(x, {numbers})"
    made = function if spec == "eager" else f"torch.compile({function})"
    shown = f"f(x).flatten(){fault.place}"
    return f"import torch; f = {made}", f"x = {fault.torch_x()}", f"print({_item(shown, fault)}{fault.after})"


def _item(text: str, fault: Reproducible) -> str:
    return f"{text}.item()" if fault.place else text


def _ours(spec: str, fault: Reproducible) -> Lines:
    numbers = ", ".join(map(str, fault.params))
    call = f"elu_backward(torch.full_like(x, {GRAD}), {numbers}, x)" if fault.is_gradient else f"elu(x, {numbers})"
    shown = _item(f"{call}.flatten(){fault.place}", fault)
    return (
        "import torch; from kernels import elu, elu_backward",
        f"x = {fault.torch_x()}",
        f"print({shown}{fault.after})",
    )


def _flaggems(spec: str, fault: Reproducible) -> Lines:
    numbers = ", ".join(map(str, fault.params))
    inputs = f"torch.full_like(x, {GRAD}), {numbers}, x" if fault.is_gradient else f"x, {numbers}"
    shown = _item(f"flag_gems.{fault.check.op}({inputs}).flatten(){fault.place}", fault)
    return "import torch, flag_gems", f"x = {fault.torch_x()}", f"print({shown}{fault.after})"


def _torch_derived(spec: str, fault: Reproducible) -> Lines:
    numbers = ", ".join(map(str, fault.params[:3]))
    made = {"triton": "kernels.elu(x.clone(), {}, inplace=True)"}.get(spec, "torch.ops.aten.elu_(x.clone(), {})")
    if fault.check.judge is judges.second_derivative:
        made = {"triton": "kernels.elu(x, {})"}.get(spec, "torch.ops.aten.elu(x, {})")
    function = f"lambda x: {made.format(numbers)}"
    function = f"torch.compile({function})" if spec == "compile" else function
    first = f"import torch{', kernels' if spec == 'triton' else ''}; f = {function}"
    place = f"{fault.place}.item()" if fault.place else ""
    if fault.check.judge is judges.second_derivative:
        twice = "torch.autograd.grad(torch.autograd.grad(f(x).sum(), x, create_graph=True)[0].sum(), x)[0]"
        return first, f"x = {fault.torch_x(grad=True)}", f"print({twice}{place}{fault.after})"
    return first, f"x = {fault.torch_x(grad=True)}", f"f(x).sum().backward(); print(x.grad{place}{fault.after})"


def _jax(spec: str, fault: Reproducible) -> Lines:
    function = f"lambda x: jax.nn.elu(x, {fault.alpha})"
    if fault.is_gradient:
        function = f"lambda x: jax.vjp({function}, x)[1](jnp.full_like(x, {GRAD}))[0]"
    return (
        f"import jax, jax.numpy as jnp; f = jax.jit({function})",
        f"x = jnp.full({fault.shape}, {fault.value}, jnp.{fault.dtype})",
        f"print({_item(f'f(x).ravel(){fault.place}', fault)}{fault.after})",
    )


def _jax_derived(spec: str, fault: Reproducible) -> Lines:
    return (
        "import jax, jax.numpy as jnp",
        f"f = jax.grad(jax.grad(lambda x: jax.nn.elu(x, {fault.alpha})))",
        f"print(f(jnp.{fault.dtype}({fault.value})){fault.after})",
    )


def _onnxruntime(spec: str, fault: Reproducible) -> Lines:
    element = {"float16": 10, "float32": 1}.get(fault.dtype, 1)
    info = f"h.make_tensor_value_info(name, {element}, None)"
    graph = f'h.make_graph([h.make_node("Elu", ["x"], ["y"], alpha={fault.alpha})], "elu", '
    graph += f'*([{info}] for name in "xy"))'
    model = f'h.make_model({graph}, opset_imports=[h.make_opsetid("", 21)], ir_version=10)'
    run = f'ort.InferenceSession(model.SerializeToString()).run(None, {{"x": x}})[0].ravel(){fault.place}'
    return (
        f"import numpy as np, onnxruntime as ort, onnx.helper as h; model = {model}",
        f"x = np.full({fault.shape}, {fault.value}, np.{fault.dtype})",
        f"print({_item(run, fault)}{fault.after})",
    )


def _numba(spec: str, fault: Reproducible) -> Lines:
    alpha, scale, input_scale = fault.params[:3]
    below = f"{alpha} * math.expm1({input_scale} * x)"
    function = f"{scale} * (x if x > 0 else {below})"
    if fault.is_gradient:
        slope = f"{float(alpha) * float(input_scale)} * math.exp({input_scale} * x)"
        function = f"{GRAD * float(scale)} * (1 if x > 0 else {slope})"
    return (
        f"import math, numba, numpy as np; f = numba.vectorize(lambda x: {function})",
        f"x = np.full({fault.shape}, {fault.value}, np.{fault.dtype})",
        f"print({_item(f'f(x).ravel(){fault.place}', fault)}{fault.after})",
    )


def _tensorflow(spec: str, fault: Reproducible) -> Lines:
    function = "tf.nn.elu"
    if fault.is_gradient:
        known = "x" if fault.params[-1] else "tf.nn.elu(x)"
        function = (
            f"lambda x: tf.raw_ops.EluGrad(gradients=tf.fill(x.shape, tf.cast({GRAD}, x.dtype)), outputs={known})"
        )
    return (
        f"import tensorflow as tf; f = {function}",
        f"x = tf.fill({fault.shape}, tf.constant({fault.value}, tf.{fault.dtype}))",
        f"print(tf.reshape(f(x), [-1]){f'{fault.place}.numpy()' if fault.place else ''}{fault.after})",
    )


def _tensorflow_derived(spec: str, fault: Reproducible) -> Lines:
    return (
        "import tensorflow as tf; grad = lambda f: tf.function(lambda x: tf.gradients(f(x), x)[0])",
        f"x = tf.fill({fault.shape}, tf.constant({fault.value}, tf.{fault.dtype}))",
        f"print(grad(grad(tf.nn.elu))(x){fault.place}.numpy(){fault.after})",
    )


def _cupy(spec: str, fault: Reproducible) -> Lines:
    numbers = ", ".join(map(str, fault.params))
    text = ", ".join(map(repr, kernel_text(fault.dtype)))
    return (
        f"import cupy; f = cupy.ElementwiseKernel({text})",
        f"x = cupy.full({fault.shape}, {fault.value}, cupy.{fault.dtype})",
        f"print({_item(f'f(x, {numbers}).ravel(){fault.place}', fault)}{fault.after})",
    )


def _of_file(spec: str, fault: Reproducible) -> Lines:
    """A user's file, whose function takes `out` or returns a result."""
    path = providers.file_of(spec) or Path(spec)
    arguments = [f"torch.full_like(x, {GRAD})", "x"] if fault.is_gradient else ["x"]
    arguments += [f"{name}={value}" for name, value in {**OPS[fault.check.op].params, **fault.check.params}.items()]
    made, result = f"x = {fault.torch_x()}", "r"
    if _takes_out(path, fault.check.op):
        made, result = f"{made}; out = torch.empty_like(x)", "out"
        arguments.append("out=out")
    shown = _item(f"{result}.flatten(){fault.place}", fault)
    return (
        f'import runpy, torch; f = runpy.run_path({str(path)!r})["{fault.check.op}"]',
        made,
        f"r = f({', '.join(arguments)}); print({shown}{fault.after})",
    )


def _takes_out(path: Path, op: str) -> bool:
    functions = [each for each in ast.walk(ast.parse(path.read_bytes())) if isinstance(each, ast.FunctionDef)]
    names = (arg.arg for each in functions if each.name == op for arg in (*each.args.args, *each.args.kwonlyargs))
    return "out" in names


_POINTWISE: dict[str, Callable[[str, Reproducible], Lines]] = {
    "eager": _torch, "compile": _torch, "inductor": _torch, "triton": _ours, "jax": _jax,
    "onnxruntime": _onnxruntime, "numba": _numba, "tensorflow": _tensorflow, "flaggems": _flaggems, "cupy": _cupy,
}  # fmt: skip
_DERIVED: dict[str, Callable[[str, Reproducible], Lines]] = {"jax": _jax_derived, "tensorflow": _tensorflow_derived}
