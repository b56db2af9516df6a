"""Datasheet values of GPUs: the peaks that measured and modelled numbers are compared with. Pure data.

Sources. NVIDIA: the product's datasheet for the memory's peak; the architecture's white paper (A100 2020, H100 2022,
RTX Blackwell 2025) for multiprocessors and level-2 cache; the clock is the highest one, which is the datasheet's peak
of fp32 over two operations for each of the multiprocessors' lanes. AMD: the MI300X datasheet and the CDNA 3 white
paper. The latency of global memory is not a maker's number: it is that of Luo et al., "Benchmarking and Dissecting the
Nvidia Hopper GPU Architecture via Microbenchmarking" (IPDPS 2024), for the chip, and None where they have none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Datasheet:
    """One product. Names that the driver gives are matched whole: a MIG slice has another bandwidth."""

    name: str
    arch: str
    driver_names: tuple[str, ...]
    multiprocessors: int  # compute units of an AMD GPU
    clock_ghz: float  # the highest
    memory_gbps: float  # 1e9 bytes per second
    l2_mib: float  # level-2 cache; the last level below it is not counted
    latency_clocks: float | None = None  # of global memory, unloaded


DATASHEETS = (
    Datasheet("A100 SXM 80GB", "sm_80", ("NVIDIA A100-SXM4-80GB",), 108, 1.410, 2039.0, 40, 466.3),
    Datasheet("A100 SXM 40GB", "sm_80", ("NVIDIA A100-SXM4-40GB",), 108, 1.410, 1555.0, 40, 466.3),
    Datasheet("A100 PCIe 80GB", "sm_80", ("NVIDIA A100 80GB PCIe",), 108, 1.410, 1935.0, 40, 466.3),
    Datasheet("A10", "sm_86", ("NVIDIA A10",), 72, 1.695, 600.0, 6),
    Datasheet("L4", "sm_89", ("NVIDIA L4",), 58, 2.040, 300.0, 48),
    Datasheet("L40S", "sm_89", ("NVIDIA L40S",), 142, 2.520, 864.0, 96),
    Datasheet("H100 SXM", "sm_90", ("NVIDIA H100 80GB HBM3",), 132, 1.980, 3350.0, 50, 478.8),
    Datasheet("H200 SXM", "sm_90", ("NVIDIA H200",), 132, 1.980, 4800.0, 50, 478.8),
    Datasheet("H100 PCIe", "sm_90", ("NVIDIA H100 PCIe",), 114, 1.755, 2000.0, 50, 478.8),
    Datasheet("B200", "sm_100", ("NVIDIA B200",), 148, 1.965, 7700.0, 126),
    Datasheet("RTX 5090", "sm_120", ("NVIDIA GeForce RTX 5090",), 170, 2.407, 1792.0, 96),
    Datasheet("MI300X", "gfx942", ("AMD Instinct MI300X",), 304, 2.100, 5300.0, 4),
)


def by_driver_name(name: str) -> Datasheet | None:
    """The datasheet of the GPU that the driver calls so."""
    return next((each for each in DATASHEETS if name in each.driver_names), None)


def of_arch(arch: str) -> tuple[Datasheet, ...]:
    """The products of an architecture, the one that a single number is given for first."""
    return tuple(each for each in DATASHEETS if each.arch == arch)
