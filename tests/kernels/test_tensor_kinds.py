"""Every kind of tensor under every transform: the values, the gradients or the kind of error that PyTorch's own has."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch._dynamo
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import kernels
from kernels import dispatch
from tests.kernels.values import DEVICE, FP64, normals

Function = Callable[[Tensor], Any]
aten = torch.ops.aten


class Subclass(Tensor):
    """Of no behaviour of its own."""


def vector(x: Tensor) -> Tensor:
    """A bias, or slopes, for the 3 columns of x."""
    return torch.tensor([0.3, -0.2, 0.25], dtype=x.dtype, device=x.device)


def of_columns(terms: Tensor) -> Tensor:
    """The sums over all dimensions but the last."""
    return terms.sum(tuple(range(terms.dim() - 1))) if terms.dim() > 1 else terms


def bias_elu_backward(x: Tensor) -> Tensor:
    grad = aten.elu_backward(x * 2, 0.7, 1.0, 1.0, False, x + vector(x))
    return grad + of_columns(grad)


def prelu_backward(x: Tensor) -> Tensor:
    grad, terms = aten._prelu_kernel_backward(x * 2, x, vector(x)[:1].reshape([1] * x.dim()))
    return grad + terms.sum()


# Modules with parameters, by device. Those are constants here, as a trace wants them.
VECTORS = torch.tensor([0.3, -0.2, 0.25], dtype=FP64)


def with_vector(module: nn.Module, length: int) -> dict[str, nn.Module]:
    module.load_state_dict(dict.fromkeys(module.state_dict(), VECTORS[:length]))
    module.requires_grad_(False)
    return {device: copy.deepcopy(module).to(device, FP64) for device in (DEVICE, "meta")}


BIAS_ELU, PRELU = with_vector(kernels.BiasELU(3, 0.7), 3), with_vector(kernels.PReLU(), 1)

# What each is to be like: ours, PyTorch's. In place is on a copy, so that every kind may need a gradient.
PAIRS: dict[str, tuple[Function, Function]] = {
    "elu": (lambda x: kernels.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
    "elu in place": (lambda x: kernels.elu(x * 1, 0.7, inplace=True), lambda x: F.elu(x * 1, 0.7, inplace=True)),
    "elu from its result": (lambda x: kernels.elu(x, 0.7, save_result=True), lambda x: F.elu(x, 0.7)),
    "elu_backward": (
        lambda x: kernels.elu_backward(x * 2, 0.7, 1.0, 1.0, False, x),
        lambda x: aten.elu_backward(x * 2, 0.7, 1.0, 1.0, False, x),
    ),
    "selu": (lambda x: kernels.selu(x), lambda x: F.selu(x)),
    "selu in place": (lambda x: kernels.selu(x * 1, inplace=True), lambda x: F.selu(x * 1, inplace=True)),
    "celu": (lambda x: kernels.celu(x, 0.7), lambda x: F.celu(x, 0.7)),
    "celu in place": (lambda x: kernels.celu(x * 1, 0.7, inplace=True), lambda x: F.celu(x * 1, 0.7, inplace=True)),
    "elu_plus_one": (lambda x: kernels.elu_plus_one(x), lambda x: F.elu(x) + 1),
    "elu_plus_one from its result": (lambda x: kernels.elu_plus_one(x, save_result=True), lambda x: F.elu(x) + 1),
    "elu_plus_one_backward": (
        lambda x: kernels.elu_plus_one_backward(x * 2, x),
        lambda x: aten.elu_backward(x * 2, 1.0, 1.0, 1.0, False, x),
    ),
    "relu": (lambda x: kernels.relu(x), lambda x: F.relu(x)),
    "relu in place": (lambda x: kernels.relu(x * 1, inplace=True), lambda x: F.relu(x * 1, inplace=True)),
    "relu_backward": (lambda x: kernels.relu_backward(x * 2, x), lambda x: aten.threshold_backward(x * 2, x, 0.0)),
    "leaky_relu": (lambda x: kernels.leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    "leaky_relu in place": (
        lambda x: kernels.leaky_relu(x * 1, 0.2, inplace=True),
        lambda x: F.leaky_relu(x * 1, 0.2, inplace=True),
    ),
    "leaky_relu_backward": (
        lambda x: kernels.leaky_relu_backward(x * 2, x, 0.2),
        lambda x: aten.leaky_relu_backward(x * 2, x, 0.2, False),
    ),
    "shifted_relu": (lambda x: kernels.shifted_relu(x), lambda x: F.threshold(x, -1.0, -1.0)),
    "shifted_relu in place": (
        lambda x: kernels.shifted_relu(x * 1, inplace=True),
        lambda x: F.threshold(x * 1, -1.0, -1.0, inplace=True),
    ),
    "shifted_relu_backward": (
        lambda x: kernels.shifted_relu_backward(x * 2, x),
        lambda x: aten.threshold_backward(x * 2, x, -1.0),
    ),
    "bias_elu": (lambda x: kernels.bias_elu(x, vector(x), 0.7), lambda x: F.elu(x + vector(x), 0.7)),
    "bias_elu_backward": (lambda x: sum(kernels.bias_elu_backward(x * 2, x, vector(x), 0.7)), bias_elu_backward),
    "prelu": (lambda x: kernels.prelu(x, vector(x)[:1]), lambda x: F.prelu(x, vector(x)[:1])),
    "prelu_backward": (lambda x: sum(kernels.prelu_backward(x * 2, x, vector(x)[:1])), prelu_backward),
    "ELU": (kernels.ELU(0.7), nn.ELU(0.7)),
    "SELU": (kernels.SELU(), nn.SELU()),
    "CELU": (kernels.CELU(0.7), nn.CELU(0.7)),
    "ELUPlusOne": (kernels.ELUPlusOne(), lambda x: F.elu(x) + 1),
    "ReLU": (kernels.ReLU(), nn.ReLU()),
    "LeakyReLU": (kernels.LeakyReLU(0.2), nn.LeakyReLU(0.2)),
    "ShiftedReLU": (kernels.ShiftedReLU(), nn.Threshold(-1.0, -1.0)),
    "BiasELU": (lambda x: BIAS_ELU[x.device.type](x), lambda x: F.elu(x + vector(x), 0.7)),
    "PReLU": (lambda x: PRELU[x.device.type](x), lambda x: F.prelu(x, vector(x)[:1])),
}


def test_every_function_and_module_is_held_against_pytorchs():
    assert {name.split()[0] for name in PAIRS} == set(kernels.__all__) - {"Fusion", "fuse", "unfuse"}  # of models


# Modules do with a tensor what their functions do, so that one kind of tensor shows what is theirs.
FUNCTIONS = {name: pair for name, pair in PAIRS.items() if name[0].islower()}
# Functions of one `Activation` differ in formulas alone, and so do those of one `VectorActivation`: these go all ways
# through either, with parameters and without, kept input and kept result, curved and straight. Of the kinds that
# take these ways, dense tensors show all functions under all transforms; each of the others does so under two, and
# under the rest one function for each way. Where PyTorch's own operators compute, every function has its own.
WAYS = {
    name: PAIRS[name]
    for name in ("elu", "elu in place", "elu from its result", "elu_backward", "elu_plus_one", "relu", "bias_elu",
                 "bias_elu_backward", "prelu", "prelu_backward")
}  # fmt: skip


KINDS: dict[str, Callable[[], Tensor]] = {
    "dense": lambda: normals(4, 3, dtype=FP64),
    "strided": lambda: normals(3, 8, dtype=FP64).t()[::2],
    "parameter": lambda: nn.Parameter(normals(4, 3, dtype=FP64)),
    "subclass": lambda: normals(4, 3, dtype=FP64).as_subclass(Subclass),
    "negated": lambda: torch.complex(normals(4, 3, dtype=FP64), normals(4, 3, dtype=FP64)).conj().imag,
    "meta": lambda: normals(4, 3, dtype=FP64).to("meta"),
    "jagged": lambda: torch.nested.nested_tensor(list(normals(4, 3, dtype=FP64).split((1, 3))), layout=torch.jagged),
    "nested": lambda: torch.nested.nested_tensor(list(normals(4, 3, dtype=FP64).split((1, 3)))),
    "sparse": lambda: normals(4, 3, dtype=FP64).to_sparse(),
}
OURS = ("strided", "parameter", "subclass", "negated", "meta")  # beside dense: none is `dispatch.is_foreign`


def compiled(function: Function) -> Function:
    torch._dynamo.reset()
    return torch.compile(function, backend="aot_eager", fullgraph=True)


def gradient(function: Function) -> Function:
    def of(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        result = function(x)
        result.backward(torch.ones_like(result))
        assert x.grad is not None
        return x.grad

    return of


def loss(function: Function) -> Function:
    return lambda x: function(x).square().sum()


class Module(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


TRANSFORMS: dict[str, Callable[[Function], Function]] = {
    "eager": lambda function: function,
    "gradient": gradient,
    "Hessian's product": lambda function: (
        lambda x: torch.autograd.functional.hvp(loss(function), x, torch.ones_like(x))[1]
    ),
    "compiled": compiled,
    "compiled gradient": lambda function: gradient(compiled(function)),
    "compiled func.grad": lambda function: compiled(torch.func.grad(loss(function))),
    "traced": lambda function: lambda x: torch.jit.trace(lambda x: function(x), x, check_trace=False)(x),
    "exported": lambda function: lambda x: torch.export.export(Module(function), (x,)).module()(x),
    "make_fx": lambda function: lambda x: make_fx(lambda x: function(x))(x)(x),
    "vmap": torch.vmap,
    "func.grad": lambda function: torch.func.grad(loss(function)),
    "vmap of func.grad": lambda function: torch.vmap(torch.func.grad(loss(function))),
    "jvp": lambda function: lambda x: torch.func.jvp(function, (x,), (x,))[1],
    "functionalize": torch.func.functionalize,
}
# What takes its time is done with all functions as one, and held against PyTorch's own without it: only where ours
# are refused, theirs must be, too. What PyTorch's own would refuse, it refuses without it.
SLOW = {"compiled": "eager", "compiled gradient": "gradient", "compiled func.grad": "func.grad", "exported": "eager"}
FAST = ("eager", "gradient")
# Shown without: a gradient is of what `detach` makes of a parameter, which is dense; and that a compiler sees through
# torch.func.grad has to do with no tensor's strides, sign or place in a module.
LEFT_OUT = {("parameter", each) for each in TRANSFORMS if "gradient" in each} | {
    (kind, "compiled func.grad") for kind in ("strided", "parameter", "negated")
}


def together(names: list[str], side: int) -> Function:
    """Some of `PAIRS` as one function, ours or PyTorch's."""
    first, *others = (PAIRS[name][side] for name in names)
    return lambda x: sum((each(x) for each in others), first(x))


def outcome(function: Function, x: Tensor) -> Tensor | Exception:
    try:
        return function(x)
    except Exception as error:
        return error


def parts(result: Tensor) -> tuple[Tensor, ...]:
    """What can be compared: dense tensors."""
    if result.is_nested:
        return tuple(result.unbind())
    return (result if result.layout is torch.strided else result.to_dense(),)


# Those of PyTorch's own, which say nothing of the tensor.
FAULTS = (AttributeError, torch._dynamo.exc.Unsupported)


def assert_alike(ours: Tensor | Exception, theirs: Tensor | Exception) -> None:
    """The same values, or where PyTorch refuses, a refusal, of ours or PyTorch's."""
    if isinstance(theirs, Exception):
        if isinstance(ours, Exception):
            is_fault = any(isinstance(each, FAULTS) for each in (ours, theirs))
            assert is_fault or isinstance(ours, type(theirs)) or isinstance(theirs, type(ours)), (ours, theirs)
        return
    assert isinstance(ours, Tensor), ours
    assert (ours.layout, ours.is_nested, ours.device) == (theirs.layout, theirs.is_nested, theirs.device)
    if ours.is_meta:
        assert (ours.shape, ours.stride(), ours.dtype) == (theirs.shape, theirs.stride(), theirs.dtype)
        return
    for one, other in zip(parts(ours), parts(theirs), strict=True):
        torch.testing.assert_close(one.as_subclass(Tensor), other.as_subclass(Tensor), equal_nan=True)


def assert_pairs_alike(pairs: dict[str, tuple[Function, Function]], transform: str, kind: str) -> None:
    for name, pair in pairs.items():
        ours, theirs = (outcome(TRANSFORMS[transform](function), KINDS[kind]()) for function in pair)
        try:
            assert_alike(ours, theirs)
        except AssertionError as difference:
            raise AssertionError(f"{name}: {difference}") from None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of PyTorch's, on what is deprecated, a prototype, or slow
@pytest.mark.parametrize(
    ("kind", "transform"),
    [
        pytest.param(kind, name, marks=() if name in FAST else pytest.mark.slow)
        for kind in KINDS
        for name in TRANSFORMS
        if (kind, name) not in LEFT_OUT
    ],
)
def test_every_kind_of_tensor_under_every_transform_gives_what_pytorch_gives(kind, transform):
    if transform == "vmap" and KINDS[kind]().is_nested:
        pytest.skip("nested tensors have no sizes there, by which to see that a bias fits")
    is_short = kind in OURS and transform not in FAST
    pairs = PAIRS if kind == "dense" else WAYS if is_short else FUNCTIONS
    if transform not in SLOW:
        assert_pairs_alike(pairs, transform, kind)
        return
    alone = {name: outcome(TRANSFORMS[SLOW[transform]](theirs), KINDS[kind]()) for name, (_, theirs) in pairs.items()}
    names = [name for name, result in alone.items() if isinstance(result, Tensor)]
    if not names:
        return
    ours = outcome(TRANSFORMS[transform](together(names, 0)), KINDS[kind]())
    refuses = isinstance(ours, Exception)
    theirs = TRANSFORMS[transform if refuses else SLOW[transform]](together(names, 1))
    assert_alike(ours, outcome(theirs, KINDS[kind]()))


@pytest.fixture
def mesh() -> Iterator[Any]:
    """A mesh of this process alone."""
    distributed = pytest.importorskip("torch.distributed")
    if not distributed.is_available() or not distributed.is_gloo_available():
        pytest.skip("this PyTorch has no torch.distributed with gloo")
    from torch.distributed.device_mesh import init_device_mesh

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


@pytest.mark.parametrize("name", ["elu", "elu in place", "elu from its result", "selu", "elu_plus_one", "leaky_relu"])
def test_distributed_tensors_stay_distributed(mesh, name):
    from torch.distributed.tensor import Shard, distribute_tensor

    whole = normals(4, 3, dtype=FP64).cpu()
    given = distribute_tensor(whole, mesh, [Shard(0)])
    for transform in (lambda function: function, gradient, compiled):
        ours, theirs = (transform(function)(given) for function in PAIRS[name])
        assert ours.placements == theirs.placements == (Shard(0),)
        torch.testing.assert_close(ours.to_local(), theirs.to_local())


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: kernels.elu(x),
        lambda x: kernels.elu(x, inplace=True),
        lambda x: kernels.celu(x, float("inf")),
        lambda x: kernels.bias_elu(x, x),
        lambda x: kernels.prelu(x, x[:1]),
        lambda x: kernels.elu_backward(x, 1.0, 1.0, 1.0, False, x),
        lambda x: kernels.ELU()(x),
    ],
)
def test_a_dtype_is_refused_in_the_same_words_wherever(function, dtype):
    x = torch.ones(3, dtype=dtype, device=DEVICE)
    expected = outcome(function, x)
    assert isinstance(expected, TypeError)
    others = [
        lambda x: function(x.to("meta")),
        lambda x: torch.vmap(lambda row: function(row))(x[None]),
        lambda x: torch.jit.trace(lambda x: function(x), x),
    ]
    is_compiled = dtype == torch.int64  # no function looks at the dtype otherwise there
    if is_compiled:
        torch._dynamo.reset()
        others.append(torch.compile(function, backend="eager"))
    for other in others:
        refused = outcome(other, x)
        assert (type(refused), str(refused)) == (TypeError, str(expected))
    if is_compiled:  # as one graph, in the compiler's own report
        assert str(expected) in str(outcome(compiled(function), x))


@pytest.mark.parametrize("alpha", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("inplace", [False, True])
def test_celu_is_pytorchs_where_alpha_is_not_finite(alpha, inplace):
    x = torch.tensor([-1.0, -0.0, 0.0, 2.0, float("inf"), float("-inf"), float("nan")], device=DEVICE)
    for transform in (TRANSFORMS["eager"], gradient, compiled):
        ours = outcome(transform(lambda x: kernels.celu(x * 1, alpha, inplace)), x)
        theirs = outcome(transform(lambda x: F.celu(x * 1, alpha, inplace)), x)
        assert_alike(ours, theirs)


def test_a_trace_calls_the_operator_and_can_be_saved(tmp_path):
    x = normals(4, 3, dtype=FP64)
    torch.jit.trace(kernels.ELU(0.5), x).save(tmp_path / "elu.pt")
    loaded = torch.jit.load(tmp_path / "elu.pt")
    assert f"{dispatch.NAMESPACE}::elu" in str(loaded.graph)
    torch.testing.assert_close(loaded(x), F.elu(x, 0.5))
    assert gradient(loaded)(x).equal(gradient(kernels.ELU(0.5))(x))


@pytest.mark.parametrize("device", ["mps", "meta"])
def test_a_device_without_our_kernels_has_pytorchs(device):
    with FakeTensorMode():
        assert not dispatch.on_triton(torch.empty(3, device=device))
