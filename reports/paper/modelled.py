"""What activations would cost a GPU, modelled from the machine code of this suite's kernels. Nothing here was timed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from harness.machine_code.rows import Ceiling, InspectedRow, on_device, totals
from harness.ops.catalogue import ACTIVATIONS
from harness.paper.rows import ClaimsRun
from reports.paper.costs import PASSES, parts_of
from reports.render.inspection import count_text, issue_share
from reports.text.formatting import percent, significant

MEMORY = "memory"
NO_KERNEL = "this suite has no kernel for it"
LEGEND = (
    "instr/elem and B/elem: executed instructions and fewest bytes per element; issue%: the share of a device's issue "
    "slots that they take while memory streams at its peak; %peak: the part of that peak that the busiest resource "
    "allows, an upper bound."
)
_DTYPE = "float32"  # that of the sweep of costs
# The specialisations that nets here ask for (harness.machine_code.specimens), and where PReLU's slopes lie in them.
# Others are of sizes that no block divides, of other parameters than the paper's, or take the gradient from the result.
PLACES = {"unit": "", "default": "", "last": "last", "conv": "conv"}
_NO_VERDICT = "No verdict rests on this: what a device allows is not yet what it does."


@dataclass(frozen=True)
class Modelled:
    """One activation, forward or forward + backward: per element of its tensor, and on the device named `device`.

    Of both passes counts and bytes are sums, and shares those of the two one after the other. Where there is no
    code to count, `reason` says why and the rest is None.
    """

    op: str
    place: str  # where its slopes lie, for PReLU: "last" (a linear layer) or "conv"; else ""
    passes: str
    instructions: float | None = None
    moved_bytes: float | None = None  # the fewest
    issue_share: float | None = None  # of a device's issue slots, while memory streams at its peak
    ceiling: float | None = None  # the part of the memory's peak that the busiest resource allows
    bound_by: tuple[str, ...] = ()  # what binds, pass by pass, each once
    reason: str | None = None


def modelled(run: ClaimsRun) -> list[Modelled]:
    """Every activation of the table of costs, but for those whose kernels are younger than the run.

    None where the run keeps no machine code.
    """
    rows = _rows(run)
    return [each for op in ACTIVATIONS for each in _modelled(rows, op)] if rows else []


def ceiling_of(run: ClaimsRun) -> tuple[str, Ceiling] | None:
    """The architecture and the device that the numbers are about: the run's own, or the first of its architecture."""
    counted = (row for row in _rows(run) if row.ceilings)
    return next(((row.arch, row.ceilings[0]) for row in counted), None)


def sentence(run: ClaimsRun) -> str:
    """Whether, by the machine code, memory binds ELU as it binds ReLU; or why that cannot be said."""
    found = {(each.op, each.passes): each for each in modelled(run)}
    if not found:
        return (
            "Nothing is modelled: the run keeps no machine code of this suite's kernels. It was made by an older "
            "version, with --no-inspect, or without Triton."
        )
    compared = [
        (passes, found["elu", passes], found["relu", passes])
        for passes in PASSES
        if all((op, passes) in found and found[op, passes].reason is None for op in ("elu", "relu"))
    ]
    if not compared:
        return "By machine code ELU cannot be held against ReLU here, as one of the two is not modelled."
    clauses = "; ".join(f"{passes}, {_against(elu, relu)}" for passes, elu, relu in compared)
    if any((*elu.bound_by, *relu.bound_by) != (MEMORY, MEMORY) for _, elu, relu in compared):
        return f"By the machine code, memory is not all that binds ELU and ReLU: {clauses}. {_NO_VERDICT}"
    is_same = all(elu.moved_bytes == relu.moved_bytes for _, elu, relu in compared)
    so = " So the model gives the two the same time." if is_same else ""
    return f"By the machine code, memory binds ELU just as it binds ReLU: {clauses}.{so} {_NO_VERDICT}"


def _against(elu: Modelled, relu: Modelled) -> str:
    """What the two execute and move; and what binds them, where that is not memory alone."""
    counts = (
        f"ELU executes {count_text(elu.instructions)} instructions per element and ReLU "
        f"{count_text(relu.instructions)}, and they move {significant(elu.moved_bytes)} and "
        f"{significant(relu.moved_bytes)} bytes"
    )
    if {*elu.bound_by, *relu.bound_by} == {MEMORY}:
        return counts
    bounds = [
        f"{' and '.join(each.bound_by)} to at most {percent(each.ceiling)}% of the memory's peak"
        for each in (elu, relu)
    ]
    return f"{counts}; ELU is bound by {bounds[0]}, and ReLU by {bounds[1]}"


def _rows(run: ClaimsRun) -> list[InspectedRow]:
    """The kernels that the nets of a claims run would launch, on the run's own device where its datasheet is known."""
    rows = on_device(run.inspected, run.manifest.device.name)
    return [row for row in rows if (row.dtype, row.provider) == (_DTYPE, "triton") and row.variant in PLACES]


def _modelled(rows: list[InspectedRow], op: str) -> Iterator[Modelled]:
    places = dict.fromkeys(PLACES[row.variant] for row in rows if row.op in parts_of(op, PASSES[-1]))
    if not places and not ACTIVATIONS[op].has_kernel:
        yield Modelled(op, "", "both", reason=NO_KERNEL)
    for place, passes in itertools.product(places, PASSES):
        parts = [
            [row for row in rows if (row.op, PLACES[row.variant]) == (part, place) and row.role == "main"]
            for part in parts_of(op, passes)
        ]
        reasons = [part[0].reason if part else NO_KERNEL for part in parts]
        reason = next((each for each in reasons if each is not None), None)
        mains = [part[0] for part in parts if part]
        yield Modelled(op, place, passes, reason=reason) if reason else _together(rows, mains, place, passes)


def _together(rows: list[InspectedRow], mains: list[InspectedRow], place: str, passes: str) -> Modelled:
    """The passes one after the other; the small second launch that sums PReLU's gradient is in the instructions."""
    counted = totals(rows)
    found = [(row.bytes_per_element or 0.0, row.ceilings[0]) for row in mains]
    moved = sum(each for each, _ in found)
    return Modelled(
        mains[0].op,
        place,
        passes,
        sum(counted[row.arch, row.op, row.variant, row.dtype, row.provider] for row in mains),
        moved,
        sum(each * issue_share(ceiling) for each, ceiling in found) / moved,
        moved / sum(each / ceiling.fraction for each, ceiling in found),
        tuple(dict.fromkeys(ceiling.bound_by for _, ceiling in found)),
    )
