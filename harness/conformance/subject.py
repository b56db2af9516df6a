"""A provider that is checked: what it computes of a case, and what else it offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from harness import providers
from harness.correctness.gate import same_bits
from harness.emulator.driver import EmulatingDriver
from harness.ops.buffers import flat, lay_out, poison
from harness.ops.cases import Case
from harness.ops.op import TensorSpec
from harness.providers.file import load_module
from harness.providers.peers import PEERS

aten = torch.ops.aten
Formula = Callable[..., Tensor]  # of a tensor and ELU's three parameters


class Misbehaved(Exception):
    """What a provider did beside computing a result; the message is the note of the row."""


class CheckedProvider:
    """A provider on a device; `gpu` is the emulated one, where its kernels run by that.

    Its calls are prepared once for each case, as a run does.
    """

    def __init__(self, spec: str, device: str, gpu: EmulatingDriver | None = None) -> None:
        self.spec, self.device, self.gpu = spec, device, gpu
        self._provider = providers.load(spec)
        self._calls: dict[str, Callable[..., None]] = {}
        self.has_launched = False

    def compute(self, case: Case, inputs: Sequence[Tensor]) -> Tensor:
        """The output of a case. Raises Misbehaved, Unsupported, and whatever the provider raises."""
        call = self._calls.get(case.key)
        if call is None:
            call = self._calls[case.key] = self._provider.prepare(case)
        before = [each.clone() for each in inputs]
        output = laid_out(case, case.outputs[0], self.device)
        poison([output])
        call(*inputs, output)
        self._look_at_memory()
        for spec, now, then in zip(case.inputs, inputs, before, strict=True):
            if not same_bits(now, then):
                raise Misbehaved(f"the call changed its input {spec.name}")
        return output

    def call(self, case: Case, x: Tensor, output: Tensor) -> None:
        """One call as it is, of tensors that are too large to look at twice."""
        self._provider.prepare(case)(x, output)

    def in_place(self) -> Formula | None:
        """ELU that writes into a copy of its input, differentiable; None where there is none."""
        if self.spec == "eager":
            return _overwriting
        if self.spec == "compile":
            torch._dynamo.reset()
            return torch.compile(_overwriting)
        if self.spec == "triton":
            from kernels import elu

            return lambda x, alpha, scale, input_scale: elu(x.clone(), alpha, scale, input_scale, inplace=True)
        function = self._own("elu_")
        return None if function is None else lambda x, *params: function(x.clone(), *params)

    def second_derivative(self) -> Formula | None:
        """The second derivative of ELU at each input; None where there is none."""
        if self.spec in PEERS:
            return getattr(providers.module_of(self.spec), "second_derivative", None)
        if self.spec == "eager":
            return _twice(aten.elu)
        if self.spec == "compile":
            torch._dynamo.reset()
            return _twice(torch.compile(lambda x, *params: aten.elu(x, *params)))
        if self.spec == "triton":
            from kernels import elu

            return _twice(elu)
        return None

    def _own(self, name: str) -> Any:
        """A function of the provider's file."""
        path = providers.file_of(self.spec)
        return None if path is None else getattr(load_module(path), name, None)

    def _look_at_memory(self) -> None:
        if self.gpu is None or not self.gpu.launches:
            return
        self.has_launched = True
        faults = [fault for launch in self.gpu.launches for fault in launch.faults]
        self.gpu.launches.clear()
        if faults:
            raise Misbehaved(f"memory: {faults[0]}")


def laid_out(case: Case, spec: TensorSpec, device: str, values: Tensor | None = None) -> Tensor:
    """A tensor of a case in its layout, with values over and over."""
    tensor = lay_out(torch.empty(spec.numel, dtype=getattr(torch, spec.dtype), device=device), case, spec)
    if values is not None and spec.numel:
        times = -(-spec.numel // values.numel())
        flat(tensor).copy_(values.repeat(times)[: spec.numel])
    return tensor


def _overwriting(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    x = x.clone()
    aten.elu_(x, alpha, scale, input_scale)
    return x


def _twice(function: Formula) -> Formula:
    def second(x: Tensor, *params: float) -> Tensor:
        x = x.clone().requires_grad_()
        (first,) = torch.autograd.grad(function(x, *params).sum(), x, create_graph=True)
        return torch.autograd.grad(first.sum(), x)[0]

    return second
