"""Everything that launchers may ask the compiler for, it compiles; the interpreter runs code that the compiler refuses.

What the kernels cost where it matters is the matter of tests/harness/machine_code.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.ops.catalogue import KERNEL_OPS

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_odd_parameters_strides_and_sizes_compile():
    pytest.importorskip("triton.backends.nvidia")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.kernels.compile_odd", "sm_90"],
        env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    launched = json.loads(ended.stdout)
    assert {name.partition(" ")[0] for name in launched} == set(KERNEL_OPS)
    for name, kernels in launched.items():
        assert kernels, name
        if "WIDE=" in kernels[0]:
            assert ("huge" in name) == ("WIDE=True" in kernels[0]), (name, kernels)
        if re.match(r"(bias_)?elu(_backward)? .* negative alpha", name) and "from_result" not in kernels[0]:
            assert re.search(r"FUNCTION=\S*:anywhere", kernels[0]), (name, kernels)
