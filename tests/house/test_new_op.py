"""A new op is four files: with these four, every verb, the paper's table of costs and the tests of all ops know it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.harness.command import process
from tests.house.rooms import ROOT

pytest.importorskip("triton.backends.nvidia")

KERNEL = '''\
"""hard_elu, max(x, -alpha): what elu becomes where its bend is made a kink."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..autograd.elementwise import Activation
from ..elementwise import Functions
from ..formulas import number
from ..primitives import narrow, widen

aten = torch.ops.aten


@triton.jit
def forward(x, alpha):
    wide = widen(x)
    return narrow(tl.maximum(wide, -number(alpha, wide), propagate_nan=tl.PropagateNan.ALL), x.dtype)


@triton.jit
def gradient(grad, known, alpha):
    wide = widen(known)
    return tl.where(wide <= -number(alpha, wide), tl.zeros_like(grad), grad)


def functions(alpha: float) -> Functions:
    return Functions(forward, gradient, gradient)


ACTIVATION = Activation(
    "hard_elu",
    {"alpha": 1.0},
    functions,
    aten=lambda x, alpha: aten.threshold(x, -alpha, -alpha),
    aten_in_place=lambda x, alpha: aten.threshold_(x, -alpha, -alpha),
    aten_backward=lambda grad, known, alpha, is_result: aten.threshold_backward(grad, known, -alpha),
)


hard_elu_out, hard_elu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


def hard_elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """The larger of x and -alpha."""
    return ACTIVATION(x, alpha)


def hard_elu_backward(grad_output: Tensor, self_or_result: Tensor, alpha: float = 1.0) -> Tensor:
    """The gradient of hard_elu; itself differentiable."""
    return ACTIVATION.backward(grad_output, self_or_result, alpha, False)
'''

OP = '''\
"""hard_elu, max(x, -alpha), and its gradient."""

from __future__ import annotations

from harness.ops.elementwise import activation
from harness.ops.op import Shown

OPS = activation(
    "hard_elu",
    "the larger of x and -alpha",
    {"alpha": 1.0},
    value=lambda x, alpha: x.clamp(min=-alpha),
    gradient=lambda grad, x, alpha: grad.where(~(x <= -alpha), 0.0),
    calls=lambda aten, alpha: (
        lambda x: aten.threshold(x, -alpha, -alpha),
        lambda x, out: aten.clamp_min.out(x, -alpha, out=out),
    ),
    backward_calls=lambda aten, alpha: (
        lambda grad, x: aten.threshold_backward(grad, x, -alpha),
        lambda grad, x, out: aten.threshold_backward.grad_input(grad, x, -alpha, grad_input=out),
    ),
    flops_per_element=1,
    in_triton="tl.where(x < -alpha, -alpha, x)",
    backward_in_triton="tl.where(x <= -alpha, 0.0, grad_output)",
    shown=Shown("hard ELU", "#56b4e9", "p"),
)
'''

EXPORT = "from .ops.hard_elu import hard_elu, hard_elu_backward\n"
LIMITS = {"bfloat16": 8.0, "float16": 8.0, "float32": 8.0}
PARTS = ("kernels", "harness", "reports", "tests", "elubench.py", "pyproject.toml")


def budget(op: str, variant: str) -> str:
    return f'\n[{op}."{variant}"]\n' + "".join(f"{dtype} = {most}\n" for dtype, most in LIMITS.items())


def copied(to: Path) -> Path:
    """A copy of the checkout, as far as it runs."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, to / part)
    return to


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A copy of the checkout with one op more."""
    root = copied(tmp_path_factory.mktemp("house"))
    (root / "kernels/ops/hard_elu.py").write_text(KERNEL)
    (root / "harness/ops/hard_elu.py").write_text(OP)
    exports = root / "kernels/__init__.py"
    text = exports.read_text().replace("from .ops.leaky_relu", EXPORT + "from .ops.leaky_relu")
    exports.write_text(
        text.replace('    "leaky_relu",\n', '    "hard_elu",\n    "hard_elu_backward",\n    "leaky_relu",\n')
    )
    with (root / "harness/machine_code/budgets.toml").open("a") as file:
        file.writelines(
            budget(op, variant) for op in ("hard_elu", "hard_elu_backward") for variant in ("default", "odd")
        )
    return root


def python(root: Path, *arguments: str, **variables: str) -> str:
    """What Python prints that finds the packages of a copy; it may be any of our modules, or code after -c."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRITON_", "PYTEST_"))}
    off = {"ELUBENCH_REPORT": "0", "ELUBENCH_INSPECT": "0", "CUDA_VISIBLE_DEVICES": ""}
    environment = kept | off | {"PYTHONPATH": str(root), "COLUMNS": "200"} | variables
    begun = process(arguments, env=environment, cwd=root)
    out, err = begun.communicate(timeout=280)
    assert begun.returncode == 0, out + err
    return out


def test_the_four_files_are_all_that_changed(house):
    def texts(root: Path) -> dict[str, bytes]:
        there = (
            path for part in PARTS for path in ((root / part).rglob("*") if (root / part).is_dir() else [root / part])
        )
        return {
            str(each.relative_to(root)): each.read_bytes() for each in there if each.is_file() and each.suffix != ".pyc"
        }

    before, after = texts(ROOT), texts(house)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "kernels/ops/hard_elu.py",
        "kernels/__init__.py",
        "harness/ops/hard_elu.py",
        "harness/machine_code/budgets.toml",
    }


def it_is_listed_checked_run_and_begun_with(house: Path, folder: Path) -> None:
    said = python(house, "-m", "harness", "list", "ops")
    assert "hard_elu(x, alpha=1.0) -> out\n    the larger of x and -alpha" in said
    assert "hard_elu_backward(grad_output, x, alpha=1.0) -> grad_input" in said
    assert "hard_elu_backward(alpha=1) 64x128" in python(
        house, "-m", "harness", "list", "cases", "--sweep", "activations"
    )

    python(house, "-m", "harness", "new-provider", str(folder / "mine.py"), "--op", "hard_elu")
    said = python(house, "-m", "harness", "check", str(folder / "mine.py"), "--dtype", "bfloat16")
    assert "pass" in said and "fail" not in said

    (folder / "sweep.toml").write_text(
        'providers = ["triton"]\ndtypes = ["bfloat16"]\n[[cases]]\nop = "hard_elu"\nshapes = [[33, 65]]\n'
        'params = [{alpha = 0.5}]\n[[cases]]\nop = "hard_elu_backward"\nshapes = [[33, 65]]\n'
    )
    run = str(folder / "run")
    python(house, "-m", "harness", "run", "--sweep", str(folder / "sweep.toml"), "--device", "cpu", "--out", run)
    shown = python(house, "-m", "harness", "show", run)
    assert "outcomes: 2 validated" in shown and "emulated GPU" in shown


def its_machine_code_keeps_its_budget(house: Path) -> None:
    said = python(house, "-m", "harness", "inspect", "--op", "hard_elu", "--op", "hard_elu_backward", "--arch", "sm_90",
                  "--dtype", "bfloat16", "--dtype", "float32", "--check")  # fmt: skip
    assert len(re.findall(r"hard_elu(_backward)? ", said)) >= 4


BEGIN = """
import sys
from pathlib import Path
from harness.device.devices import find_device
from harness.paper.plan import make_plan
from harness.paper.rows import COST
from harness.paper.run import ClaimStore, make_manifest
from harness.store import manifest
from harness.store.files import Store
from harness.sweeps import sweep

run, device = Path(sys.argv[1]), find_device("cpu")
ClaimStore.create(run, make_manifest(make_plan(True, ["cost"], [], "digits"), device, [])).close()
ops = ("elu", "elu_backward", "hard_elu", "hard_elu_backward")
cases = [{"op": op, "shapes": [[64, 128]]} for op in ops]
content = {"providers": ["eager"], "dtypes": ["float32"], "stop": {"max_seconds": 0.05}, "cases": cases}
Store.create(run / COST, manifest.make_manifest(device, sweep.parse(content, "tiny").content(), [])).close()
"""


def the_papers_table_of_costs_has_it(house: Path, folder: Path) -> None:
    run = str(folder / "paper")
    python(house, "-c", BEGIN, run)
    python(house, "-m", "harness", "claims", "--resume", run, ELUBENCH_INSPECT="1")
    python(house, "-m", "harness", "report", run)
    text = (folder / "paper" / "report" / "report.md").read_text(encoding="utf-8")
    assert re.search(r"\| 64×128 \| forward \+ backward \| hard ELU \| eager \|", text)
    assert re.search(r"\| hard ELU \| forward \| +[0-9.]+ ", text)
    assert "hard ELU" in (folder / "paper" / "report" / "index.html").read_text(encoding="utf-8")


def the_tests_of_all_ops_are_its_tests_too(house: Path) -> None:
    wanted = ("tests/harness/ops", "tests/harness/correctness/test_gate.py", "tests/kernels/test_every_op.py")
    said = python(house, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "hard_elu", *wanted)
    (passed,) = re.findall(r"^(\d+) passed", said, re.MULTILINE)
    assert int(passed) > 30 and "failed" not in said


@pytest.mark.slow
def test_every_verb_the_papers_table_and_the_tests_of_all_ops_know_it(house, tmp_path):
    """Four parts in one test: each process that runs one imports the copy first, and pytest-xdist scatters tests."""
    it_is_listed_checked_run_and_begun_with(house, tmp_path)
    its_machine_code_keeps_its_budget(house)
    the_papers_table_of_costs_has_it(house, tmp_path)
    the_tests_of_all_ops_are_its_tests_too(house)
