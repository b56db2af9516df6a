"""The kernels alone: installed as `elubench_kernels` beside another package called `kernels`, and beside our own."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which pip has installed kernels/, from a copy, so that nothing is built in the checkout."""
    base = tmp_path_factory.mktemp("package")
    source = base / "source" / "kernels"
    shutil.copytree(ROOT / "kernels", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(base / "target")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, timeout=200)
    assert not (source / "build").exists()  # copies of sources would count as sources: `kernel_sources_sha256`
    return base / "target"


def run(code: str, *paths: Path, cwd: Path) -> str:
    """What Python prints that finds packages in `paths` only, beside the installed ones; in the interpreter."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-P", "-c", code]
    ended = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


ALONE = """
import sys, torch
import elubench_kernels, kernels
from elubench_kernels import ELU, BiasELU, bias_elu, elu, prelu, shifted_relu

assert kernels.DECOY
assert not {"harness", "reports", "kernels.ops"} & set(sys.modules)
x = torch.randn(7, 5, requires_grad=True)
torch.testing.assert_close(elu(x, 2.0), torch.nn.functional.elu(x, 2.0))
torch.testing.assert_close(ELU()(x), torch.nn.functional.elu(x))
torch.testing.assert_close(BiasELU(5)(x), torch.nn.functional.elu(x))
torch.testing.assert_close(shifted_relu(x), x.clamp_min(-1))
weight = torch.full((5,), 0.25)
torch.testing.assert_close(prelu(x, weight), torch.nn.functional.prelu(x, weight))
torch.compile(bias_elu, backend="aot_eager", fullgraph=True)(x, x[0]).sum().backward()
print(elubench_kernels.__version__, torch.ops.elubench.elu.default, x.grad.shape == x.shape)
"""


@pytest.mark.slow
def test_it_works_beside_another_package_called_kernels(installed, tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").write_text("DECOY = True\n")
    import kernels

    assert run(ALONE, tmp_path, installed, cwd=tmp_path).split() == [
        kernels.__version__,
        "elubench.elu.default",
        "True",
    ]


BOTH = """
import torch
import {first}, {second}
from kernels.dispatch import NAMESPACE as ours
from elubench_kernels.dispatch import NAMESPACE as installed
x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
for package in (kernels, elubench_kernels):
    compiled = torch.compile(lambda x: package.elu(x, 0.7) + package.relu(x), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), torch.nn.functional.elu(x, 0.7) + x.relu())
    compiled(x).sum().backward()
print(ours, installed)
"""


@pytest.mark.slow
@pytest.mark.parametrize("names", [("kernels", "elubench_kernels"), ("elubench_kernels", "kernels")])
def test_operators_are_registered_once_where_both_names_are_imported(installed, names, tmp_path):
    code = BOTH.format(first=names[0], second=names[1])
    assert run(code, ROOT, installed, cwd=tmp_path).split() == ["elubench", "elubench"]


@pytest.mark.slow
def test_another_version_has_operators_of_its_own(installed, tmp_path):
    shutil.copytree(installed / "elubench_kernels", tmp_path / "elubench_kernels")
    package = tmp_path / "elubench_kernels" / "__init__.py"
    changed = package.read_text().replace('__version__ = "', '__version__ = "99.')
    package.write_text(changed)
    code = BOTH.format(first="kernels", second="elubench_kernels")
    assert run(code, ROOT, tmp_path, cwd=tmp_path).split() == ["elubench", "elubench_elubench_kernels"]


def test_nothing_is_imported_but_torch_and_triton_and_what_python_brings():
    sources = sorted((ROOT / "kernels").rglob("*.py"))
    assert len(sources) > 20
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            outside = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
            assert outside <= {"torch", "triton"}, f"{path}: {outside}"
