"""The tests of kernels run on the GPU where there is one, and in Triton's interpreter elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernels.primitives import INTERPRETED


@pytest.fixture(autouse=True, scope="module")
def interpreter() -> Iterator[None]:
    """Triton's variable as it was when the kernels were imported (tests/conftest.py)."""
    with pytest.MonkeyPatch.context() as patch:
        if INTERPRETED.value:
            patch.setenv("TRITON_INTERPRET", "1")
        yield


def pytest_itemcollected(item: pytest.Item) -> None:
    """With a GPU, every test of a kernel is a test of the device; the interpreter's NumPy warns of infinities."""
    item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning") if INTERPRETED.value else pytest.mark.gpu)
