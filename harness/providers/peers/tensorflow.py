"""TensorFlow: tf.nn.elu and the gradients that it registers for it. On a CPU: its GPU streams are its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.providers.peers import check_case, check_on, imported


def prepare(case: Case) -> Callable[..., None]:
    """A call that hands the inputs over without a copy, and copies the result into the output."""
    tf = _tensorflow()
    check_case(case, "TensorFlow", ("elu", "elu_backward"), params=())

    def gradient(grad: Any, x: Any) -> Any:
        outputs = x if case.params["is_result"] else tf.nn.elu(x)  # its gradient is computed from the result
        return tf.raw_ops.EluGrad(gradients=grad, outputs=outputs)

    compute = tf.nn.elu if case.op == "elu" else gradient

    def call(*tensors: Tensor) -> None:
        check_on("cpu", "TensorFlow", tensors)
        result = compute(*(_shared(tf, each) for each in tensors[:-1]))
        tensors[-1].copy_(torch.from_dlpack(tf.experimental.dlpack.to_dlpack(result)))

    return call


def second_derivative(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """The second derivative of tf.nn.elu at each x."""
    if (alpha, scale, input_scale) != (1.0, 1.0, 1.0):
        raise Unsupported("TensorFlow's ELU has no alpha, no scale and no input_scale")
    tf = _tensorflow()
    known = _shared(tf, x)
    with tf.GradientTape() as outer:
        outer.watch(known)
        with tf.GradientTape() as inner:
            inner.watch(known)
            value = tf.nn.elu(known)
        first = inner.gradient(value, known)
    return torch.from_dlpack(tf.experimental.dlpack.to_dlpack(outer.gradient(first, known)))


def _shared(tf: Any, tensor: Tensor) -> Any:
    return tf.experimental.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(tensor))


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it tells of every library that it found and did not find
    return imported("tensorflow", "TensorFlow", "'elubench[tensorflow]'")
