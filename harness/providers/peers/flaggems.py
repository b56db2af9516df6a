"""FlagGems: a library of Triton kernels in place of PyTorch's operators; on a GPU, or the emulated one.

It asks torch and the environment for its GPU when it is imported, and again as it generates and launches a kernel.
What it compiled it keeps for as long as the process lives: a process judges it for one architecture.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.providers.peers import check_on, imported
from harness.providers.pretended import active_target, pretended


def prepare(case: Case) -> Callable[..., None]:
    """A call of its function, whose result is copied into the output."""
    has_gpu = torch.cuda.is_available()
    target = None if has_gpu else active_target()
    if not has_gpu and target is None:
        raise Unsupported("FlagGems launches its kernels on a GPU, or as compiled for an NVIDIA one, and there is none")
    with _surroundings(target):
        library = imported("flag_gems", "FlagGems", "'elubench[flaggems]', then pip install --no-deps flag_gems")
    function = getattr(library, case.op, None)
    if case.op not in ("elu", "elu_backward") or function is None:
        raise Unsupported(f"FlagGems has no {case.op}")
    params = tuple(case.params.values())

    def call(*tensors: Tensor) -> None:
        if has_gpu:
            check_on("cuda", "FlagGems", tensors)
        first, *known, out = tensors
        with _surroundings(target), _launching():
            result = function(first, *params, *known)
        out.copy_(result)

    return call


def _launching() -> contextlib.AbstractContextManager[Any]:
    """Within it FlagGems launches as on Triton 3.6 where Triton is newer.

    Version 5.0.2 hands the constants of a kernel that it has compiled to Triton 3.3 to 3.6 alone, and they are asked
    for still: without this the second launch of each kernel raises an error.
    """
    libentry = importlib.import_module("flag_gems.utils.libentry")
    return mock.patch.object(libentry, "minor_version", min(libentry.minor_version, 6))


@contextlib.contextmanager
def _surroundings(target: Any) -> Iterator[None]:
    """Within it FlagGems finds a GPU: the one that is there where `target` is None, else an NVIDIA one of `target`.

    The lock of each of its kernels is one of threads: those of processes, hundreds, outlive a process that is killed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(multiprocessing, "Lock", threading.Lock))
        if target is not None:
            stack.enter_context(pretended(target))
            stack.enter_context(mock.patch.dict(os.environ, {"GEMS_VENDOR": "nvidia"}))
        yield
