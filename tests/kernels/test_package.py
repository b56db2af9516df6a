"""The kernels alone: installed as `elubench_kernels` beside another package called `kernels`, and beside our own."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernels import bare

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


# PyTorch imports its compiler when it first compiles.
COMPILER = """
import torch
torch.compile(lambda x: x * 2, backend="aot_eager")(torch.ones(1, requires_grad=True))
"""


def both(first: str, second: str, folder: Path) -> bare.Job:
    return bare.Job(BOTH.format(first=first, second=second), (str(ROOT), str(folder)), "/")


@pytest.mark.slow
def test_it_works_beside_another_package_called_kernels_beside_ours_and_beside_another_version(installed, tmp_path):
    """Operators are registered once where both names are imported; another version has operators of its own."""
    decoy, other = tmp_path / "decoy", tmp_path / "other"
    (decoy / "kernels").mkdir(parents=True)
    (decoy / "kernels" / "__init__.py").write_text("DECOY = True\n")
    shutil.copytree(installed / "elubench_kernels", other / "elubench_kernels")
    package = other / "elubench_kernels" / "__init__.py"
    package.write_text(package.read_text().replace('__version__ = "', '__version__ = "99.'))
    import kernels

    expected = {
        "decoy": [kernels.__version__, "elubench.elu.default", "True"],
        "ours first": ["elubench", "elubench"],
        "installed first": ["elubench", "elubench"],
        "another version": ["elubench", "elubench_elubench_kernels"],
    }
    ended = bare.run(
        {
            "decoy": bare.Job(ALONE, (str(decoy), str(installed)), str(tmp_path)),
            "ours first": both("kernels", "elubench_kernels", installed),
            "installed first": both("elubench_kernels", "kernels", installed),
            "another version": both("kernels", "elubench_kernels", other),
        },
        COMPILER,
    )
    for name, words in expected.items():
        assert ended[name].returncode == 0, (name, ended[name].stderr)
        assert ended[name].stdout.split() == words, name


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
