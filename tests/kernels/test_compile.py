"""Everything that launchers may ask the compiler for, it compiles; the interpreter runs code that the compiler refuses.

What the kernels cost where it matters is the matter of tests/harness/machine_code.
"""

from __future__ import annotations

import json
import re

import pytest

from harness.ops.catalogue import KERNEL_OPS
from tests.harness.command import elubench


@pytest.mark.slow
def test_odd_parameters_strides_and_sizes_compile():
    pytest.importorskip("triton.backends.nvidia")
    ended = elubench("sm_90", module="tests.kernels.compile_odd", timeout=280)
    assert ended.returncode == 0, ended.stderr
    launched = json.loads(ended.stdout)
    assert {name.partition(" ")[0] for name in launched} == set(KERNEL_OPS)
    for name, kernels in launched.items():
        assert kernels, name
        if "WIDE=" in kernels[0]:
            assert ("huge" in name) == ("WIDE=True" in kernels[0]), (name, kernels)
        if re.match(r"(bias_)?elu(_backward)? .* negative alpha", name) and "from_result" not in kernels[0]:
            assert re.search(r"FUNCTION=\S*:anywhere", kernels[0]), (name, kernels)
