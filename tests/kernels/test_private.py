"""The canary: every private name of torch and Triton that the kernels use is still there, and is in one module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import triton

from kernels import private
from tests.kernels import bare

ROOT = Path(__file__).parents[2]
PRIVATE = re.compile(
    r"\b(?:torch|triton|tl|aten)\.(?:\w+\.)*_[a-zA-Z]\w*|from (?:torch|triton)\S*\._\w+ import|\bimport _[a-zA-Z]"
)


def test_every_private_name_is_there():
    versions = f"torch {torch.__version__}, triton {triton.__version__}"
    assert not private.missing, f"gone from {versions}: {', '.join(private.missing)}; mend kernels/private.py"


def test_a_kept_handle_has_the_parts_that_it_is_launched_by():
    """As long as private.py says that it knows this version's call (tests/kernels/launches.py makes it)."""
    from triton.compiler import CompiledKernel

    if not private.CALL_IS_KNOWN:
        assert private.handle(object()) is None
        return
    assert hasattr(CompiledKernel, "run")
    assert private.handle(object()) is None  # without its parts there is no handle, and Triton launches
    assert not private.is_watched()


@pytest.mark.parametrize(("hook", "is_watched"), [(None, False), (print, True)])
def test_a_hook_may_be_one_call_or_none(monkeypatch, hook, is_watched):
    monkeypatch.setattr(triton.knobs.runtime, "launch_enter_hook", hook)
    assert private.is_watched() is is_watched


def test_private_names_are_in_one_module():
    found = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in (ROOT / "kernels").rglob("*.py")
        if path.name != "private.py"
        for match in PRIVATE.finditer(path.read_text())
    }
    assert not found


GONE = """
import importlib, torch
module, _, name = {name!r}.partition(":")
module = importlib.import_module(module)
for part in name.split(".")[:-1]:
    module = getattr(module, part)
name = name.split(".")[-1]
removed = getattr(module, name)
delattr(module, name)
import kernels
setattr(module, name, removed)  # which PyTorch itself may need
from kernels import private
assert private.missing == [{name!r}], private.missing
x = torch.randn(5, requires_grad=True)
torch.testing.assert_close(kernels.elu(x, 2.0), torch.nn.functional.elu(x, 2.0))
kernels.elu(x).sum().backward()
print(x.grad.shape)
"""


DISPENSABLE = ("torch._C:_len_torch_dispatch_stack", "torch._C:_are_functorch_transforms_active")


@pytest.mark.slow
def test_without_a_name_results_are_the_same_or_the_import_says_which_is_needed():
    needed = "triton.language.core:builtin"
    ended = bare.run({name: bare.Job(GONE.format(name=name), (str(ROOT),), "/") for name in (*DISPENSABLE, needed)})
    for name in DISPENSABLE:
        assert ended[name].returncode == 0, ended[name].stderr
        assert ended[name].stdout.strip() == "torch.Size([5])"
    assert ended[needed].returncode == 1
    assert "ImportError: these kernels need what torch" in ended[needed].stderr
    assert f"lacks: {needed}; use torch 2.11" in ended[needed].stderr


def test_a_compiler_that_does_not_say_its_target_is_named():
    with pytest.raises(ImportError, match="lacks: 'object' object has no attribute 'builder'"):
        private.compiled_for(object())
