"""FlagGems: a library of Triton kernels in place of PyTorch's operators. On a GPU alone: it asks for one at import."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.providers.peers import check_on, imported


def prepare(case: Case) -> Callable[..., None]:
    """A call of its function, whose result is copied into the output."""
    if not torch.cuda.is_available():
        raise Unsupported("FlagGems launches its kernels on a GPU, and there is none")
    library = imported("flag_gems", "FlagGems", "flag_gems")
    function = getattr(library, case.op, None)
    if case.op not in ("elu", "elu_backward") or function is None:
        raise Unsupported(f"FlagGems has no {case.op}")
    params = tuple(case.params.values())

    def call(*tensors: Tensor) -> None:
        check_on("cuda", "FlagGems", tensors)
        first, *known, out = tensors
        out.copy_(function(first, *params, *known))

    return call
