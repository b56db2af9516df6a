"""Instructions by themselves as machine code: lines of PTX, compiled by Triton's ptxas, and listings by hand."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from harness.emulator.faults import Faults
from harness.emulator.memory import Memory
from harness.emulator.operands import Options
from harness.emulator.sass.lift import lift
from harness.emulator.sass.reader import read
from harness.emulator.sass.run import MachineCode
from harness.machine_code import disassemble
from tests.harness.emulator.programs import NUMPY, THREADS, Line, padded, ptx


def execute_compiled(code: Line, *operands: object) -> np.ndarray:
    """The results of the machine for what ptxas made of a line of PTX."""
    listing, banks = _compiled(ptx(code), code.target)
    length = max(np.atleast_1d(np.asarray(each)).size for each in operands)
    count = -(-length // THREADS) * THREADS
    arrays = [padded(each, kind, count) for each, kind in zip(operands, code.operands, strict=True)]
    out = np.zeros(count, NUMPY[code.to])
    _run(listing, code.target, banks, count, [out, *arrays])
    return out[:length]


@cache
def _compiled(text: str, target: str) -> tuple[str, dict[int, bytes]]:
    tool = Path(disassemble.tool("nvdisasm")).with_name("ptxas")
    if target.startswith(("sm_10", "sm_12")) and tool.with_name("ptxas-blackwell").exists():
        tool = tool.with_name("ptxas-blackwell")
    with tempfile.TemporaryDirectory() as folder:
        source, cubin = Path(folder) / "a.ptx", Path(folder) / "a.cubin"
        source.write_text(text)
        subprocess.run([tool, f"-arch={target}", source, "-o", cubin], check=True, capture_output=True)
        return disassemble.with_codes(str(cubin)), disassemble.constant_banks(cubin.read_bytes())


def execute_listing(body: str, *operands: np.ndarray, arch: str = "sm_90") -> np.ndarray:
    """Run lines of machine code that leave a result in R9: R10, R11, … hold what each thread is given, 32 bits each."""
    loads = [f"LDC.64 R2, c[0x0][{0x218 + 8 * index:#x}]\nIMAD.WIDE.U32 R2, R0, 0x4, R2\nLDG.E R{10 + index}, [R2.64]"
             for index in range(len(operands))]  # fmt: skip
    text = "\n".join(["S2R R0, SR_TID.X", *loads, body, "LDC.64 R2, c[0x0][0x210]", "IMAD.WIDE.U32 R2, R0, 0x4, R2",
                      "STG.E [R2.64], R9", "EXIT"])  # fmt: skip
    lines = ["\t.section\t.text.one_line", ".text.one_line:"]
    for number, each in enumerate(line.strip() for line in text.splitlines() if line.strip()):
        lines.append(each if each.endswith(":") else f"        /*{16 * number:04x}*/   {each} ;")
    out = np.zeros(THREADS, np.uint32)
    arrays = [np.resize(np.ascontiguousarray(each).view(np.uint32), THREADS).copy() for each in operands]
    _run("\n".join(lines), arch, {}, THREADS, [out, *arrays])
    return out


def _run(listing: str, target: str, banks: dict[int, bytes], count: int, arrays: list[np.ndarray]) -> None:
    memory, faults = Memory(), Faults()
    for index, array in enumerate(arrays):
        memory.add_array(f"v{index}", array)
    arch = target.rstrip("af")
    code = MachineCode(lift(read(listing), arch), arch, banks, THREADS, count // THREADS, 4096, Options())
    addresses = np.array([each.ctypes.data for each in arrays], np.uint64)
    code.run((count // THREADS, 1, 1), addresses.tobytes(), memory, (), faults)
    assert not faults.all()
