"""Imports a provider from a user's file, and calls its functions with the arguments that they name."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.providers.errors import NoFunction, ProviderError, WrongOutput, WrongSignature
from harness.providers.places import location

if TYPE_CHECKING:
    from harness.ops.cases import Case


def load_module(path: Path) -> ModuleType:
    """The file as a module; it can import what lies beside it, as a script can. Raises ProviderError.

    Modules that it imports from its own folder are forgotten afterwards: another file may mean another one by the name.
    """
    spec = importlib.util.spec_from_file_location(f"elubench_provider_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ProviderError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        with _importing_from(path.resolve().parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        where = location(error, path)
        said = where and where not in str(error)  # a SyntaxError says it by itself
        raise ProviderError(
            f"{path} cannot be imported: {type(error).__name__}: {error}{f' ({where})' if said else ''}"
        ) from error
    return module


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    path_before, modules_before = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        # At the end, for imports inside of functions: there it hides nothing that is installed.
        sys.path[:] = [*path_before, *([] if str(folder) in path_before else [str(folder)])]
        for name in set(sys.modules) - modules_before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).resolve().is_relative_to(folder):
                del sys.modules[name]


def sources(path: Path) -> dict[str, bytes]:
    """The bytes of the file and of all that it imports from its own folder, by path relative to that folder."""
    folder = path.resolve().parent
    found: dict[str, bytes] = {}
    todo = [path.resolve()]
    while todo:
        file = todo.pop()
        name = file.relative_to(folder).as_posix()
        if name not in found:
            found[name] = file.read_bytes()
            todo += _imported(found[name], folder)
    return dict(sorted(found.items()))


def _imported(source: bytes, folder: Path) -> Iterator[Path]:
    """The files in `folder` that are imported by a source, whole packages among them."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [each.name for each in node.names]
        else:
            continue
        for name in names:
            top = folder / name.partition(".")[0]
            if top.with_suffix(".py").is_file():
                yield top.with_suffix(".py")
            elif (top / "__init__.py").is_file():
                yield from top.rglob("*.py")


def prepared(module: ModuleType, path: Path, case: Case) -> Callable[..., None]:
    """The file's function for a case, made to write into the outputs that it is given.

    It takes the inputs, the op's parameters by name and `out`, a tensor, or a tuple where the op has several outputs.
    A function without `out` returns its result instead, which is then copied inside the timed call.

    Raises Unsupported where there is no such function, and WrongSignature; the call raises WrongOutput.
    """
    function = getattr(module, case.op, None)
    if function is None:
        raise NoFunction(f"{path.name} defines no function {case.op}")
    names = [spec.name for spec in case.outputs]
    takes_out = "out" in inspect.signature(function).parameters
    _check_signature(function, case, {**case.params, **({"out": None} if takes_out else {})})
    if takes_out:
        return _Writing(function, len(case.inputs), dict(case.params))
    return _returning(function, len(case.inputs), dict(case.params), names)


def _check_signature(function: Callable[..., Any], case: Case, named: dict[str, Any]) -> None:
    inputs = [spec.name for spec in case.inputs]
    signature = inspect.signature(function)
    try:
        signature.bind(*inputs, **named)
    except TypeError as error:
        wanted = ", ".join([*inputs, *case.params, "out"])
        raise WrongSignature(
            f"{case.op}{signature} does not take what it is given ({error}); write it as {case.op}({wanted}), or "
            "without `out` and return the result"
        ) from None


class _Writing:
    """A function that writes into `out`. `remark` says what may be wrong with one whose outputs were not written."""

    def __init__(self, function: Callable[..., Any], inputs: int, params: dict[str, Any]) -> None:
        self._function, self._inputs, self._params = function, inputs, params
        self._ignored = False

    def __call__(self, *tensors: Any) -> None:
        outputs = tensors[self._inputs :]
        out = outputs[0] if len(outputs) == 1 else outputs
        result = self._function(*tensors[: self._inputs], **self._params, out=out)
        if result is not None and result is not out:
            self._ignored = True

    @property
    def remark(self) -> str:
        if not self._ignored:
            return ""
        return (
            "it takes `out` and returned a result, which is ignored: write into `out`, as in out.copy_(result), or "
            "take no `out` and return the result"
        )


def _returning(
    function: Callable[..., Any], inputs: int, params: dict[str, Any], names: list[str]
) -> Callable[..., None]:
    def copy(*tensors: Any) -> None:
        results = function(*tensors[:inputs], **params)
        results = results if isinstance(results, (tuple, list)) else (results,)
        outputs = tensors[inputs:]
        if len(results) != len(outputs):
            raise WrongOutput(f"it returned {len(results)} results where the op has {', '.join(names)}")
        for name, output, result in zip(names, outputs, results, strict=True):
            if _kind(result) != _kind(output):
                raise WrongOutput(f"its {name} is {_described(result)}, and has to be {_described(output)}")
            output.copy_(result)

    return copy


def _kind(tensor: Any) -> tuple[Any, ...]:
    return getattr(tensor, "shape", None), getattr(tensor, "dtype", None), getattr(tensor, "device", None)


def _described(value: Any) -> str:
    shape, dtype, device = _kind(value)
    if dtype is None or shape is None:
        return f"a {type(value).__name__}"
    return f"a tensor of shape {tuple(shape)}, {str(dtype).removeprefix('torch.')}, on {device}"
