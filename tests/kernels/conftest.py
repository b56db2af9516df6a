"""The tests of kernels run on the GPU where there is one; elsewhere in Triton's interpreter, or on the emulated GPU.

The last with KERNELS_ON=machine (tests/conftest.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch

from kernels.primitives import INTERPRETED

EMULATED = not INTERPRETED.value and not torch.cuda.is_available()


@pytest.fixture(autouse=True, scope="module")
def device() -> Iterator[None]:
    """Triton's variable as it was when the kernels were imported (tests/conftest.py), or the emulated GPU's driver."""
    from harness.emulator.emulated import emulated

    with pytest.MonkeyPatch.context() as patch, emulated() if EMULATED else nullcontext():
        if INTERPRETED.value:
            patch.setenv("TRITON_INTERPRET", "1")
        yield


def pytest_itemcollected(item: pytest.Item) -> None:
    """With a GPU, every test of a kernel is a test of the device; the interpreter's NumPy warns of infinities."""
    is_here = INTERPRETED.value or EMULATED
    item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning") if is_here else pytest.mark.gpu)
