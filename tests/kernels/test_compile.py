"""Machine code without a device: every specialisation compiles, with 16-byte accesses and nothing spilled.

The interpreter says nothing about this: it runs code that the compiler refuses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.cases import ITEM_BYTES
from kernels import bias, elementwise
from kernels.launch import Launch
from kernels.variants import variants

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("arch", "others"), [("sm_90", ["others"]), ("sm_80", [])])
def test_every_variant_compiles_to_wide_accesses_and_spills_nothing(arch, others, tmp_path):
    pytest.importorskip("triton.backends.nvidia")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"PYTHONPATH": str(ROOT), "TRITON_CACHE_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.kernels.compile_all", arch, *others],
        env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    listed = [row for row in rows if row["is_listed"]]
    assert len(listed) == len(variants(arch))
    assert bool(others) == (len(rows) > len(listed))
    for row in listed:
        assert row["local_memory"] == 0, row
    for row in (row for row in listed if row["role"] == "main"):
        reads = round(row["bytes_per_element"] / ITEM_BYTES[row["dtype"]]) - 1
        wide = [access for access in row["accesses"] if access.endswith((".v4.b32", ".v2.b64"))]
        # Two for each tensor (`block_elements`, `Tiles.of`); the bias and its partial sums are beside the point.
        assert sum(access.startswith("ld") for access in wide) >= 2 * reads, row
        assert sum(access.startswith("st") for access in wide) >= 2, row
        if row["op"] in ("elu", "elu_backward"):
            assert len(wide) == len(row["accesses"]) == 2 * reads + 2, row


@pytest.mark.parametrize("dtype", ITEM_BYTES)
@pytest.mark.parametrize("alpha", [1.0, 1.6732632423543772])
def test_what_is_listed_is_what_launchers_launch(dtype, alpha, monkeypatch):
    """Launches on tensors without memory, noted instead of run."""
    launched = []

    def note(launch, *tensors):
        launched.append((launch.kernel, launch.programs, launch.constants))

    monkeypatch.setattr(Launch, "__call__", note)
    x = torch.empty(8192, 8192, dtype=getattr(torch, dtype), device="meta")
    image = torch.empty(64, 256, 56, 56, dtype=x.dtype, device="meta")
    elementwise.elu_out(x, x, alpha)
    for is_result in (False, True):
        elementwise.elu_backward_out(x, x, x, alpha, is_result=is_result)
    for main, dim in ((x, -1), (image, 1)):
        along = main.new_empty(main.shape[dim])
        bias.bias_elu_out(main, along, main, alpha, dim)
        bias.bias_elu_backward_out(main, main, along, main, along, alpha, dim)
    form = "unit" if alpha == 1.0 else "general"
    listed = [each for each in variants() if each.dtype == dtype and each.role == "main" and each.name.endswith(form)]
    elements = {bias.planes_kernel: image.numel(), bias.planes_backward_kernel: image.numel()}
    for variant in listed:
        matching = [
            programs
            for kernel, programs, constants in launched
            if kernel is variant.kernel
            and {name: variant.constexprs[name] for name in constants if name != "num_warps"}
            | {"num_warps": variant.num_warps}
            == constants
        ]
        assert len(matching) == 1, variant
        # Every element has its program: blocks that stand over the end are all there is beyond.
        least = elements.get(variant.kernel, x.numel()) / variant.elements_per_program
        assert least <= matching[0] < 1.4 * least, variant
    assert len(listed) == 7
    (sums,) = [each for each in variants() if each.dtype == dtype and each.role == "stage2"]
    stages = [constants for kernel, _, constants in launched if kernel is sums.kernel]
    assert len(stages) == 2
    assert {**sums.constexprs, "num_warps": sums.num_warps} in stages
