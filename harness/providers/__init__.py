"""Providers: who computes an op.

A provider is a function `prepare(case) -> call`, and `call(*inputs, *outputs)` computes the case into the
outputs it is given. Everything slow (compiling, choosing a kernel) belongs into `prepare`; only `call` is timed.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.ops.cases import Case

BUILTIN = {
    "eager": "PyTorch's own operators, one call each",
    "compile": "torch.compile of the same (Inductor)",
    "triton": "the kernels of this suite",
}


class ProviderError(ValueError):
    """A provider that cannot be had; the message names the fault and the mend."""


class Unsupported(Exception):
    """Raised by `prepare` where the provider has nothing for this case; the message says what is missing."""


@dataclass(frozen=True)
class Provider:
    """A name for tables, and the function that prepares a case."""

    name: str
    prepare: Callable[[Case], Callable[..., None]]


def name_of(spec: str) -> str:
    """The name a provider has in records: its own, or its file's without the ending."""
    return Path(spec).stem if spec.endswith(".py") else spec


def uses_triton(spec: str) -> bool:
    """Whether a provider needs Triton to run, and so, without a GPU, Triton's interpreter."""
    return spec == "triton" or (spec.endswith(".py") and "import triton" in Path(spec).read_text(encoding="utf-8"))


def check(spec: str) -> None:
    """Raise ProviderError unless `spec` is the name of a provider or an existing Python file."""
    if spec in BUILTIN:
        return
    if name_of(spec) in BUILTIN:
        raise ProviderError(f"{spec} has the name of the built-in provider {name_of(spec)!r}; rename the file")
    if not spec.endswith(".py"):
        raise ProviderError(
            f"there is no provider {spec!r}; choose from {', '.join(BUILTIN)}, or name a .py file of your own"
        )
    if not Path(spec).is_file():
        raise ProviderError(f"there is no file {spec}; a provider is a Python file with functions named after ops")


def load(spec: str) -> Provider:
    """The provider of that name, or of that file, whose code runs with the user's rights."""
    check(spec)
    if spec in BUILTIN:
        return Provider(spec, importlib.import_module(f"harness.providers.{spec}").prepare)
    return _from_file(Path(spec))


def _from_file(path: Path) -> Provider:
    """A file that defines functions named after ops, which take the inputs, `out=` and the op's parameters.

    `out` is a tensor, or a tuple where the op has several outputs. A function without `out` returns its
    result instead, which is then copied inside the timed call.
    """
    spec = importlib.util.spec_from_file_location(f"elubench_provider_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ProviderError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ProviderError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error

    def prepare(case: Case) -> Callable[..., None]:
        function = getattr(module, case.op, None)
        if function is None:
            raise Unsupported(f"{path.name} defines no function {case.op}")
        return _into_outputs(function, len(case.inputs), dict(case.params))

    return Provider(name_of(str(path)), prepare)


def _into_outputs(function: Callable[..., Any], inputs: int, params: dict[str, Any]) -> Callable[..., None]:
    if "out" in inspect.signature(function).parameters:

        def write(*tensors: Any) -> None:
            outputs = tensors[inputs:]
            function(*tensors[:inputs], **params, out=outputs[0] if len(outputs) == 1 else outputs)

        return write

    def copy(*tensors: Any) -> None:
        results = function(*tensors[:inputs], **params)
        results = results if isinstance(results, tuple) else (results,)
        for output, result in zip(tensors[inputs:], results, strict=True):
            output.copy_(result)

    return copy
