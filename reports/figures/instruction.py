"""Kernels in the instruction roofline: the data of the figure and of the chart. Modelled, never measured."""

from __future__ import annotations

from collections.abc import Sequence

from harness.machine_code.rows import TRANSACTION_BYTES, Ceiling, InspectedRow

MARKERS = "osD^vP*X<>ph"
# One colour for each dtype; the marker says which op. Okabe & Ito's, as for the providers, which are not here.
COLOURS = {"bfloat16": "#0072b2", "float16": "#009e73", "float32": "#d55e00", "float64": "#cc79a7"}


def plotted(rows: Sequence[InspectedRow]) -> dict[str, list[InspectedRow]]:
    """The main kernels that have a place in the figure, by architecture: counted, and with a datasheet."""
    found: dict[str, list[InspectedRow]] = {}
    for row in rows:
        if row.role == "main" and row.warp_instructions_per_transaction and row.ceilings:
            found.setdefault(row.arch, []).append(row)
    return dict(sorted(found.items()))


def modelled_gips(row: InspectedRow, ceiling: Ceiling) -> float:
    """Billions of warp instructions per second, were the binding resource always busy."""
    transactions = ceiling.fraction * ceiling.peak_gbps / TRANSACTION_BYTES
    return transactions * (row.warp_instructions_per_transaction or 0.0)
