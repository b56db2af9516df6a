"""The carve-out of a GPU's L2: what a program sets aside for lines that persist, which no flush evicts.

Asked of the CUDA driver, of the context of this thread. Where there is no such driver (a CPU, an AMD GPU), or no
context yet, there is no carve-out.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

_PERSISTING_L2_CACHE_SIZE = 6  # of CUlimit


@functools.cache
def _driver() -> Any:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def reset_persisting() -> None:
    """Make lines that persist lines like any other, which a flush evicts. Does nothing where none can persist."""
    driver = _driver()
    if driver is not None:
        driver.cuCtxResetPersistingL2Cache()  # an error says that this GPU has no such lines


def carve_out_bytes() -> int:
    """How much of the L2 is set aside; 0 where nothing is, or nothing can be."""
    driver, size = _driver(), ctypes.c_size_t(0)
    if driver is None or driver.cuCtxGetLimit(ctypes.byref(size), _PERSISTING_L2_CACHE_SIZE) != 0:
        return 0
    return size.value


def set_carve_out(size_bytes: int) -> None:
    """Set so much of the L2 aside; the driver rounds it."""
    driver = _driver()
    if driver is not None:
        driver.cuCtxSetLimit(_PERSISTING_L2_CACHE_SIZE, ctypes.c_size_t(size_bytes))
