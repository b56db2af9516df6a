"""torch.compile: Inductor's kernel for the same formula, written into preallocated outputs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch

from harness.ops.cases import Case
from harness.ops.catalogue import MODEL_OPS
from harness.ops.op import Unsupported
from harness.providers import models
from harness.providers.eager import copied


def prepare(case: Case) -> Callable[..., None]:
    """A compiled call, specialised for this case's shape. Compilation happens on the first call."""
    if not torch.cuda.is_available() and not shutil.which(os.environ.get("CXX", "g++")):
        raise Unsupported("torch.compile needs a C++ compiler on a CPU, and there is no g++; install one")
    torch._dynamo.reset()
    if case.op in MODEL_OPS:
        return models.prepare(case, lambda model: torch.compile(model, fullgraph=True, dynamic=False))
    return torch.compile(copied(case), fullgraph=True, dynamic=False)
