"""Places a kernel's variables in memory, and computes what its special registers hold."""

from __future__ import annotations

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.ptx import Kernel, Variable
from harness.emulator.spaces import Spaces

WARP = 32


def _up(place: int, align: int) -> int:
    return -(-place // align) * align


def place(variables: list[Variable]) -> tuple[dict[str, int], int]:
    """(the offset of each, the bytes of all), one after the other as their alignment lets them."""
    found, end = {}, 0
    for each in variables:
        found[each.name] = _up(end, each.align)
        end = found[each.name] + each.size
    return found, end


def _in_space(kernel: Kernel, space: str) -> list[Variable]:
    """Those of a space; an array without a length comes behind all others."""
    return sorted((each for each in kernel.variables.values() if each.space == space), key=lambda each: each.size == 0)


def size_of(kernel: Kernel, space: str) -> int:
    """Bytes of the variables that the kernel itself declares in shared or local memory."""
    return place(_in_space(kernel, space))[1]


def place_variables(kernel: Kernel) -> dict[str, int]:
    """Offsets of parameters, shared and local variables, each in a memory of their own."""
    spaces = (kernel.parameters, _in_space(kernel, "shared"), _in_space(kernel, "local"))
    return {name: offset for variables in spaces for name, offset in place(list(variables))[0].items()}


def static_data(kernel: Kernel) -> dict[str, Array]:
    """Global and constant variables of the module, with what they start with."""
    return {
        each.name: np.frombuffer(each.data.ljust(each.size, b"\0"), np.uint8).copy()
        for each in kernel.variables.values()
        if each.space in ("global", "const")
    }


class Specials:
    """Special registers (section 10), one number per thread. Blocks have one dimension, as Triton's do."""

    def __init__(self, spaces: Spaces, dynamic_bytes: int) -> None:
        self._spaces = spaces
        self._grid = (1, 1, 1)
        lanes = spaces.thread.size

        def full(value: int) -> Array:
            return np.full(lanes, value, np.uint32)

        lane = (spaces.thread % WARP).astype(np.uint32)
        one = np.uint32(1)
        self.values = {f"ntid.{axis}": full(1) for axis in "yz"} | {f"tid.{axis}": full(0) for axis in "yz"}
        self.values |= {f"{name}.{axis}": full(0) for name in ("ctaid", "nctaid") for axis in "xyz"}
        self.values |= {"tid.x": spaces.thread.astype(np.uint32), "ntid.x": full(spaces.threads), "laneid": lane}
        self.values |= {
            "warpid": (spaces.thread // WARP).astype(np.uint32),
            "nwarpid": full(-(-spaces.threads // WARP)),
        }
        self.values |= {name: full(0) for name in ("smid", "gridid", "clock", "clock_hi")} | {"nsmid": full(1)}
        self.values |= {"lanemask_eq": one << lane, "lanemask_lt": (one << lane) - one}
        self.values |= {"lanemask_le": ((one << lane) - one) | (one << lane), "lanemask_ge": ~((one << lane) - one)}
        self.values["lanemask_gt"] = ~self.values["lanemask_le"]
        self.values |= {name: np.zeros(lanes, np.uint64) for name in ("clock64", "globaltimer")}
        self.values |= {"dynamic_smem_size": full(dynamic_bytes), "total_smem_size": full(spaces.shared.bytes)}

    def begin(self, grid: tuple[int, int, int]) -> None:
        """A launch begins."""
        self._grid = grid
        for axis, size in zip("xyz", grid, strict=True):
            self.values[f"nctaid.{axis}"][...] = size

    def batch(self, first: int) -> None:
        """The blocks from `first` on begin."""
        index = first + self._spaces.block
        width, height = self._grid[0], self._grid[1]
        self.values["ctaid.x"][...] = index % width
        self.values["ctaid.y"][...] = index // width % height
        self.values["ctaid.z"][...] = index // (width * height)
