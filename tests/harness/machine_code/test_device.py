"""On a device: what it loads is what was inspected without it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from harness.machine_code.survey import survey
from tests.harness.command import environment

LOADED = """
import torch, triton
from kernels.ops.elu import elu_out

def tell(module, function, name, files, hash):
    print(next(path for path in files.values() if path.endswith(".cubin")))

triton.knobs.runtime.kernel_load_end_hook.add(tell)
x = torch.empty(8192, 8192, dtype=torch.bfloat16, device="cuda")
elu_out(x, x)
"""


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_device_loads_the_code_that_was_inspected():
    from harness.machine_code.disassemble import resources

    arch = "sm_{}{}".format(*torch.cuda.get_device_capability())
    path = subprocess.check_output([sys.executable, "-c", LOADED], env=environment(), text=True).strip()
    (row,) = (each for each in survey([arch], ops=["elu"], dtypes=["bfloat16"]) if each.variant == "unit")
    assert resources(path).registers == row.registers
    assert row.kernel in path
