"""The tests of kernels run on the GPU where there is one; elsewhere on the emulated GPU, or in Triton's interpreter.

The last with KERNELS_ON=interpreter (tests/conftest.py). tests/harness/emulator/test_bits.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import triton.language as tl
from triton.runtime import interpreter as triton_interpreter

from kernels.primitives import INTERPRETED

EMULATED = not INTERPRETED.value and not torch.cuda.is_available()


@pytest.fixture(autouse=True, scope="module")
def device() -> Iterator[None]:
    """Triton's variable as it was when the kernels were imported (tests/conftest.py), or the emulated GPU's driver."""
    from harness.emulator.emulated import emulated

    with pytest.MonkeyPatch.context() as patch, emulated() if EMULATED else nullcontext():
        if INTERPRETED.value:
            patch.setenv("TRITON_INTERPRET", "1")
            _exchange_the_language_once(patch)
        yield


def _exchange_the_language_once(patch: pytest.MonkeyPatch) -> None:
    """Spare a third of the time: Triton exchanges its language's functions for interpreted ones before a kernel runs,
    and again, all of them, before each device function that the kernel calls.
    """
    exchange, scope = (getattr(triton_interpreter, name, None) for name in ("_patch_lang", "_LangPatchScope"))
    if exchange is None or scope is None:  # another version's way
        return

    def once(function: Any) -> Any:
        used = [each for each in function.__globals__.values() if each is tl or each is tl.core]
        return exchange(function) if any(tl.core.is_builtin(each.load) for each in used) else scope()

    patch.setattr(triton_interpreter, "_patch_lang", once)


def pytest_itemcollected(item: pytest.Item) -> None:
    """With a GPU, every test of a kernel is a test of the device; the interpreter's NumPy warns of infinities."""
    is_here = INTERPRETED.value or EMULATED
    item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning") if is_here else pytest.mark.gpu)
