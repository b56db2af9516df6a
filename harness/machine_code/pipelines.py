"""Which pipeline executes an instruction, and for how many threads a multiprocessor starts it in a clock.

Sources. Pipes: the section "Pipelines" of NVIDIA's Nsight Compute profiling guide (ALU: bits, logic, integers, and
conversion from fp32 to 16 bits; FMA: arithmetic of fp32 and of 16 bits, for which the A100 has a pipe of its own, and
integer products, in its heavy half only; XU: special functions and other conversions; LSU: all memory, shuffles,
special registers; ADU and CBU: branches, barriers, constant loads). Rates: "Throughput of Native Arithmetic
Instructions" of the CUDA C++ programming guide, in results per clock and multiprocessor; four schedulers issue one warp
instruction each. The guide has 64 for integers, comparisons and bits up to 9.0; it is kept for Blackwell, where the
second half of its aggregated ALU may do better. AMD: the CDNA 3 white paper and instruction set (a vector instruction
occupies a SIMD of 16 lanes for 4 clocks, a transcendental one for 16), and Leinhauser et al., "Metrics and Design of an
Instruction Roofline Model for AMD GPUs" (2021), for the rate of issue.
"""

from __future__ import annotations

from collections.abc import Mapping

PIPES = ("fma", "alu", "mufu", "fp64", "tensor", "memory", "uniform", "control", "other")

_NVIDIA = {
    "fma": "FADD FMUL FFMA FHADD FHFMA FADD2 FMUL2 FFMA2 FSWZADD IMAD IMUL IDP IDP4A HADD2 HMUL2 HFMA2",
    "alu": "IADD IADD2 IADD3 VIADD IABS INEG ISETP ISET IMNMX VIMNMX VIMNMX3 VIADDMNMX LEA LOP LOP3 PLOP3 SHF SHL SHR "
    "SGXT BMSK SEL FSEL CSEL FSETP FSET PSETP FMNMX FMNMX3 FCHK HSETP2 HSET2 HMNMX2 VHMNMX PRMT MOV CS2R P2R R2P F2FP "
    "I2FP F2IP I2IP VOTE VABSDIFF VABSDIFF4",
    "mufu": "MUFU F2F F2I I2F FRND I2I POPC FLO BREV",
    "fp64": "DADD DMUL DFMA DSETP DMNMX",
    "tensor": "HMMA IMMA DMMA BMMA QMMA OMMA HGMMA IGMMA QGMMA BGMMA UTCHMMA UTCQMMA",
    "memory": "LD LDG LDS LDL LDSM LDGSTS ST STG STS STL STSM ATOM ATOMG ATOMS RED REDG REDUX SHFL S2R MATCH CCTL "
    "CCTLL MEMBAR ERRBAR FENCE LDGDEPBAR TEX TLD TLD4 LDTM STTM UBLKCP UTMALDG UTMASTG SYNCS QSPC",
    "control": "BRA BRX JMP JMX CALL RET EXIT KILL BREAK BSSY BSYNC BMOV WARPSYNC BAR B2R DEPBAR NANOSLEEP YIELD NOP "
    "LDC LEPC PREEXIT ACQBULK CGAERRBAR RPCMOV BPT ELECT",
}
_BY_NAME = {name: pipe for pipe, names in _NVIDIA.items() for name in names.split()}

# Threads per clock and multiprocessor. "heavy" is the half of the FMA pipe that alone takes integer products.
_SM_90 = {"issue": 128, "fma": 128, "heavy": 64, "alu": 64, "mufu": 16, "fp64": 64, "lsu": 32}
RATES: Mapping[str, Mapping[str, float]] = {
    "sm_80": {**_SM_90, "fma": 64, "fp64": 32, "fp16": 128},
    "sm_86": {**_SM_90, "fp64": 2},
    "sm_89": {**_SM_90, "fp64": 2},
    "sm_90": _SM_90,
    "sm_100": _SM_90,
    "sm_120": {**_SM_90, "fp64": 2},
    "gfx942": {"issue": 64, "alu": 64, "lsu": 16},
}
L1_BYTES_PER_CLOCK = 128  # of lsu: CUDA guide and white papers, A100 to Blackwell; MI300X: 64 bytes
# Two results of fp32 each, so two turns of the pipe.
_PACKED = ("FADD2", "FMUL2", "FFMA2")
# Two results of 16 bits: one turn where the datasheet's fp16 is twice its fp32, two where they are alike.
_HALF = ("HADD2", "HMUL2", "HFMA2")
_HALF_AS_SLOW_AS_FP32 = ("sm_86", "sm_89", "sm_120")


def pipe_of(opcode: str, arch: str) -> str:
    """The pipe that executes an instruction; "other" for one that is not known, which then costs issue only."""
    if arch.startswith("gfx"):
        return _amd_pipe(opcode)
    name = opcode.partition(".")[0]
    if name in _BY_NAME:
        return _BY_NAME[name]
    is_uniform = name.startswith("U") or name in ("S2UR", "R2UR", "LDCU", "CS2UR", "CREDUX")
    return "uniform" if is_uniform else "other"


def _amd_pipe(opcode: str) -> str:
    unit, _, operation = opcode.partition("_")
    if unit in ("global", "flat", "buffer", "ds", "scratch"):
        return "memory"
    if unit == "v":
        slow = ("exp", "log", "rcp", "rsq", "sqrt", "sin", "cos")
        return "mufu" if operation.startswith(slow) else "alu"
    if unit == "s":
        control = ("branch", "cbranch", "barrier", "endpgm", "waitcnt", "nop", "sleep", "setprio", "call", "setpc")
        return "control" if operation.startswith(control) else "uniform"
    return "other"


def _turns(opcode: str, pipe: str, arch: str) -> tuple[str, int]:
    """(unit, how many turns of it an instruction takes)."""
    name = opcode.partition(".")[0]
    if name not in _HALF:
        return pipe, 2 if name in _PACKED else 1
    if arch == "sm_80":  # a pipe of its own, at half its speed for bf16
        return "fp16", 2 if "BF16" in opcode else 1
    return pipe, 2 if arch in _HALF_AS_SLOW_AS_FP32 else 1


def clocks(opcode: str, arch: str, access_bytes: int | None) -> dict[str, float]:
    """What one thread's instruction takes of a multiprocessor: clocks of each unit, a warp's over its threads.

    `access_bytes` is the width of a load or store, which takes the cache as long as its bytes do.
    """
    rates = RATES[arch]
    taken = {"issue": 1 / rates["issue"]}
    pipe = pipe_of(opcode, arch)
    if pipe == "memory":
        bytes_per_clock = 64 if arch.startswith("gfx") else L1_BYTES_PER_CLOCK
        taken["lsu"] = max(1 / rates["lsu"], (access_bytes or 0) / bytes_per_clock)
    elif pipe == "mufu" and arch.startswith("gfx"):
        taken["alu"] = 4 / rates["alu"]  # it occupies the vector unit like any other, four times as long
    elif pipe in rates:
        unit, turns = _turns(opcode, pipe, arch)
        taken[unit] = turns / rates[unit]
    if pipe == "fma" and opcode.startswith(("IMAD", "IMUL", "IDP")):
        taken["heavy"] = 1 / rates["heavy"]
    return taken
