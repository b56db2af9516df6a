"""The kernels that torch.compile makes for an NVIDIA GPU, made without one and launched on Triton's active driver.

Inductor decides by what torch says of the device, not by the device: for the time in which it generates code, torch
says that there is one. What it generates is a Python module that allocates, launches kernels and returns results. That
module runs here, with its kernels launched as Triton launches any, so that a driver that emulates a GPU runs them, and
one that notes launches notes them.
"""

from __future__ import annotations

import contextlib
import itertools
import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from harness.ops.buffers import lay_out
from harness.ops.cases import Case
from harness.ops.catalogue import OPS
from harness.ops.op import Unsupported
from harness.providers.pretended import active_target, pretended

# What stands in the generated module for what only a CUDA build of torch has.
_ELSEWHERE = {
    "from torch._C import _cuda_getCurrentRawStream as get_raw_stream": "get_raw_stream = lambda index: 0",
    "async_compile = AsyncCompile()": "async_compile = here",
    "empty_strided_cuda = torch._C._dynamo.guards._empty_strided_cuda": "empty_strided_cuda = here.empty_strided",
    "torch.cuda._DeviceGuard(0)": "here.guard()",
    "torch.cuda.set_device(0)": "pass",
}


_NUMBERS = itertools.count()


def prepare(case: Case) -> Callable[..., None]:
    """A call that launches Inductor's kernels for the case on Triton's active driver.

    Raises Unsupported where there is no driver for an NVIDIA GPU, or where a GPU has `compile` itself.
    """
    if torch.cuda.is_available():
        raise Unsupported("a GPU is here: `compile` is timed on it")
    target = active_target()
    if target is None:
        raise Unsupported("Inductor's CUDA kernels are made for a GPU or the emulated one; on a CPU there is `compile`")
    text = generated(case, target)
    here = _Here()
    module = _loaded(text, "wrapper", {"here": here})
    inputs = len(case.inputs)

    def call(*tensors: Tensor) -> None:
        outputs = tensors[inputs:]
        with here.writing_to(outputs):
            results = module.call(list(tensors[:inputs]))
        for output, result in zip(outputs, results, strict=True):
            if result is not output:
                output.copy_(result)

    return call


def generated(case: Case, target: Any) -> str:
    """The module that Inductor generates for a case and a Triton target, as text."""
    from torch._inductor.codegen.common import init_backend_registration
    from torch._inductor.debug import DebugContext
    from torch._inductor.decomposition import select_decomp_table
    from torch._inductor.graph import GraphLowering
    from torch._inductor.virtualized import V
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    compute = OPS[case.op].pytorch(case)
    no_caches = torch._inductor.config.patch(force_disable_caches=True)
    no_modes = torch.utils._python_dispatch._disable_current_modes()
    with no_modes, pretended(target), no_caches, FakeTensorMode() as fake:
        inputs = [
            lay_out(torch.empty(each.numel, dtype=getattr(torch, each.dtype), device="cuda"), case, each)
            for each in case.inputs
        ]
        traced = make_fx(compute, decomposition_table=select_decomp_table(), tracing_mode="fake")(*inputs)
        init_backend_registration()
        graph = GraphLowering(traced, example_inputs=inputs)
        with DebugContext(), V.set_debug_handler(DebugContext()), V.set_graph_handler(graph), V.set_fake_mode(fake):
            graph.run(*inputs)
            code, *_ = graph.codegen()
    return str(getattr(code, "value", code))


class _Here:
    """What the generated module asks its device for: memory, kernels, a stream."""

    def __init__(self) -> None:
        self._outputs: list[Tensor] = []
        self._device = torch.device("cpu")

    @contextlib.contextmanager
    def writing_to(self, outputs: Sequence[Tensor]) -> Iterator[None]:
        """Within it the results are written into these tensors, where one is of the kind that is asked for."""
        self._outputs, self._device = list(outputs), outputs[0].device
        try:
            yield
        finally:
            self._outputs = []

    def empty_strided(self, shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype) -> Tensor:
        for index, each in enumerate(self._outputs):
            if (tuple(each.shape), each.stride(), each.dtype) == (tuple(shape), tuple(strides), dtype):
                return self._outputs.pop(index)
        return torch.empty_strided(shape, strides, dtype=dtype, device=self._device)

    def guard(self) -> Any:
        return contextlib.nullcontext()

    def triton(self, name: str, source: str, device_str: str) -> _Kernel:
        source = source.replace("triton_helpers.set_driver_to_gpu()", "")
        return _Kernel(getattr(_loaded(source, name), name))

    def wait(self, names: dict[str, Any]) -> None:
        pass


class _Kernel:
    """A generated kernel in the first configuration that Inductor would try, which is its default."""

    def __init__(self, autotuner: Any) -> None:
        self._function, self._config = autotuner.fn, autotuner.configs[0]
        self._meta = autotuner.inductor_meta

    def run(self, *arguments: Any, stream: int) -> None:
        from torch._inductor.runtime.triton_heuristics import GridExpr

        constants = dict(self._config.kwargs)
        names = [name for name in self._function.arg_names if name not in constants]
        sizes = dict(zip(names, arguments, strict=True))
        grid = GridExpr.from_meta(self._meta, self._config).eval_slow({**sizes, **constants})
        self._function[grid](
            *arguments, **constants, num_warps=self._config.num_warps, num_stages=self._config.num_stages
        )


def _loaded(text: str, name: str, names: dict[str, Any] | None = None) -> ModuleType:
    """A generated source as a module, with its lines where Python looks for them: Triton reads a kernel's source."""
    for theirs, ours in _ELSEWHERE.items():
        text = text.replace(theirs, ours)
    module = ModuleType(f"{re.sub(r'[^a-z0-9_]', '_', name)}_{next(_NUMBERS)}")
    file = module.__file__ = f"inductor/{module.__name__}.py"  # on no disk: a process that is killed leaves nothing
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module.__dict__.update(names or {})
    exec(compile(text, file, "exec"), module.__dict__)
    return module
