"""What is refused, in which words; and what becomes of the kernels on a CPU without the interpreter."""

from __future__ import annotations

import pytest
import torch

from kernels import bias_elu, bias_elu_backward, elu, elu_backward
from kernels.ops.bias_elu import bias_elu_backward_out, bias_elu_out
from kernels.ops.elu import elu_backward_out, elu_out
from tests.harness.command import environment, process
from tests.kernels.values import DEVICE, FP16, FP32, normals


@pytest.mark.parametrize(
    "dtype", [torch.int32, torch.int64, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn]
)
def test_other_dtypes_are_type_errors(dtype):
    x = torch.zeros(4, dtype=dtype, device=DEVICE)
    good = normals(4)
    calls = [
        lambda: elu(x),
        lambda: elu(x, inplace=True),
        lambda: elu_out(x, x),
        lambda: elu_backward(x, 1.0, 1.0, 1.0, False, x),
        lambda: elu_backward(good, 1.0, 1.0, 1.0, False, x),
        lambda: elu_backward_out(good, x, good),
        lambda: bias_elu(x, x),
        lambda: bias_elu(good, x),
        lambda: bias_elu_out(good, x, good),
        lambda: bias_elu_backward(x, good, good),
        lambda: bias_elu_backward_out(good, good, x, good, good),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=f"{dtype}, and our kernels take float16, bfloat16, float32 or float64"):
            call()


def test_mixed_dtypes_are_value_errors():
    x, half = normals(4), normals(4, dtype=FP16)
    calls = [
        lambda: elu_out(x, half),
        lambda: elu_backward(half, 1.0, 1.0, 1.0, False, x),
        lambda: elu_backward_out(x, x, half),
        lambda: bias_elu(x, half),
        lambda: bias_elu_backward(half, x, x),
        lambda: bias_elu_backward(x, x, half),
        lambda: bias_elu_backward_out(x, x, x, x, half),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"is torch\.float(16|32) and .* is torch\.float(16|32); give both"):
            call()


def test_mixed_devices_are_value_errors():
    x, elsewhere = normals(4), torch.empty(4, device="meta")
    for call in (
        lambda: elu_out(x, elsewhere),
        lambda: elu_backward(elsewhere, 1.0, 1.0, 1.0, False, x),
        lambda: bias_elu(x, elsewhere),
    ):
        with pytest.raises(ValueError, match=r"is on .* and .* on .*; move them to one device"):
            call()


def test_other_shapes_are_value_errors():
    x, short, wide = normals(3, 4), normals(3), normals(4, 3)
    calls = [
        lambda: elu_out(x, wide),
        lambda: elu_out(x, short),
        lambda: elu_backward(x, 1.0, 1.0, 1.0, False, wide),
        lambda: elu_backward_out(x, x, wide),
        lambda: elu_backward_out(wide, x, x),
        lambda: bias_elu_backward(wide, x, normals(4)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"has shape .*; they have to be the same"):
            call()


@pytest.mark.parametrize(
    ("shape", "bias_shape", "dim", "named"),
    [
        ((3, 4), (3,), -1, r"dimension -1 of x has 4 elements; give a bias of shape \(4,\)"),
        ((3, 4), (1,), -1, r"give a bias of shape \(4,\)"),
        ((3, 4), (4,), 0, r"dimension 0 of x has 3 elements"),
        ((3, 4), (4, 1), -1, r"bias has shape \(4, 1\)"),
        ((3, 4), (), -1, r"bias has shape \(\)"),
        ((3, 4), (4,), 2, r"dim=2 is not a dimension of x"),
        ((3, 4), (4,), -3, r"dim=-3 is not a dimension of x"),
        ((), (1,), -1, r"dim=-1 is not a dimension of x, whose shape is \(\)"),
        ((), (1,), 0, "dim=0 is not a dimension of x"),
    ],
)
def test_a_bias_that_does_not_fit_is_a_value_error(shape, bias_shape, dim, named):
    x, bias = normals(*shape), normals(*bias_shape)
    for call in (
        lambda: bias_elu(x, bias, dim=dim),
        lambda: bias_elu_out(x, bias, torch.empty_like(x), 1.0, dim),
        lambda: bias_elu_backward(x, x, bias, dim=dim),
    ):
        with pytest.raises(ValueError, match=named):
            call()


@pytest.mark.filterwarnings("error::torch.jit.TracerWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("kind", ["dense", "jagged"])
def test_a_trace_asks_whether_a_bias_fits_and_holds_nothing_of_the_question(kind):
    x = normals(4, 3)
    if kind == "jagged":
        x = torch.nested.nested_tensor(list(x.split((1, 3))), layout=torch.jagged)

    def traced(bias):
        return torch.jit.trace(lambda x: bias_elu(x, bias), x, check_trace=False)

    assert "aten::size" not in str(traced(normals(3)).graph)
    for length in (1, 4):
        with pytest.raises(ValueError, match=rf"bias has shape \({length},\), and dimension -1 of x has 3 elements"):
            traced(normals(length))
    assert not torch.jit.is_tracing()


def test_launchers_never_copy_so_they_refuse_other_layouts():
    x, bias, gaps = normals(4, 6), normals(6), normals(4, 12)[:, ::2]
    transposed = normals(6, 4).t()
    with pytest.raises(ValueError, match="x has gaps or overlaps"):
        bias_elu_out(gaps, bias, gaps.clone())
    with pytest.raises(ValueError, match="x has gaps or overlaps"):
        bias_elu_out(x[:1].expand(4, 6), bias, x.clone())
    with pytest.raises(ValueError, match="out has to have the shape and strides of x"):
        bias_elu_out(x, bias, transposed)
    with pytest.raises(ValueError, match="out has to have the shape and strides of x"):
        bias_elu_out(x, bias, x.view(2, 2, 6))
    for name, tensors in {
        "grad_output": (transposed, x, bias, x.clone(), bias.clone()),
        "grad_x": (x, x, bias, transposed, bias.clone()),
        "grad_bias": (x, x, bias, x.clone(), normals(12)[::2]),
    }.items():
        with pytest.raises(ValueError, match=f"{name} has to"):
            bias_elu_backward_out(*tensors)
    with pytest.raises(ValueError, match="grad_bias has to be contiguous"):
        bias_elu_backward_out(x, x, bias, x.clone(), normals(4))


PLAIN_CPU = """
import pytest, torch
from kernels import ELU, BiasELU, bias_elu, bias_elu_backward, elu, elu_backward
from kernels.ops.bias_elu import bias_elu_backward_out, bias_elu_out
from kernels.ops.elu import elu_backward_out, elu_out
from tests.kernels.values import same_bits

aten = torch.ops.aten
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    x, grad = torch.randn(2, 33, 7).to(dtype), torch.randn(2, 33, 7).to(dtype)
    x[0, 0, :5] = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan])
    for parameters in ((1.0, 1.0, 1.0), (2.0, 3.0, 1.25), (-1.0, 0.5, -2.0)):
        expected = aten.elu(x, *parameters)
        assert same_bits(elu(x, *parameters), expected)
        assert same_bits(elu(x.clone(), *parameters, inplace=True), expected)
        slope = aten.elu_backward(grad, *parameters, False, x)
        assert same_bits(elu_backward(grad, *parameters, False, x), slope)
    assert same_bits(elu_backward(grad, 1.0, 1.0, 1.0, True, x), aten.elu_backward(grad, 1.0, 1.0, 1.0, True, x))
    assert same_bits(ELU(0.5)(x), torch.nn.ELU(0.5)(x))
    for dim, shape in ((-1, (7,)), (1, (33, 1)), (0, (2, 1, 1))):
        bias = torch.randn(x.shape[dim]).to(dtype)
        total = x + bias.view(shape)
        assert same_bits(bias_elu(x, bias, 0.7, dim), aten.elu(total, 0.7))
        grad_x, grad_bias = bias_elu_backward(grad, x, bias, 0.7, dim)
        expected = aten.elu_backward(grad, 0.7, 1.0, 1.0, False, total)
        assert same_bits(grad_x, expected)
        assert same_bits(grad_bias, expected.sum([axis for axis in range(3) if axis != dim % 3]))
    vector = x[0, 0]
    for call in (
        lambda: elu_out(vector, vector.clone()),
        lambda: elu_backward_out(vector, vector, vector.clone()),
        lambda: bias_elu_out(vector, vector, vector.clone()),
        lambda: bias_elu_backward_out(vector, vector, vector, vector.clone(), vector.clone()),
    ):
        with pytest.raises(RuntimeError, match="Triton kernels run on a GPU: .* or set TRITON_INTERPRET=1"):
            call()

x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
bias = torch.randn(5, dtype=torch.float64, requires_grad=True)
for function, inputs in ((elu, (x,)), (lambda x: elu(x.clone(), inplace=True), (x,)), (bias_elu, (x, bias))):
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)
"""


@pytest.mark.slow
def test_a_plain_cpu_gives_pytorchs_own_bits_and_runs_no_kernel():
    with process(["-c", PLAIN_CPU], env=environment() | {"CUDA_VISIBLE_DEVICES": ""}) as ended:
        _, errors = ended.communicate(timeout=240)
    assert ended.returncode == 0, errors


def test_empty_tensors_launch_nothing():
    empty = torch.empty(0, 3, dtype=FP32, device=DEVICE)
    assert elu(empty).shape == elu_backward(empty, 1.0, 1.0, 1.0, True, empty).shape == (0, 3)
