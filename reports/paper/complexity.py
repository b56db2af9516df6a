"""What an activation and batch normalisation do to one element, counted from their formulas: modelled, not measured."""

from __future__ import annotations

from reports.render.table import Kind, Table, numbers, words

# name, pass; per element: exponentials, other arithmetic; over the batch: sums; passes over memory: reads, writes.
# ELU's gradient is taken from its result y: g where y > 0, else g (y + α). Batch normalisation reads its input once
# for the mean and the variance and once more to normalise; its gradient needs two sums over the batch before it can be
# written. The ReLU after it is fused.
_COUNTS = (
    ("ELU", "forward", 1, 2, 0, 1, 1),
    ("ELU", "backward", 0, 3, 0, 2, 1),
    ("ReLU", "forward", 0, 1, 0, 1, 1),
    ("ReLU", "backward", 0, 2, 0, 2, 1),
    ("BN + ReLU", "forward, training", 0, 7, 2, 2, 1),
    ("BN + ReLU", "backward", 0, 11, 2, 4, 1),
    ("BN + ReLU", "inference, BN folded into the weights", 0, 1, 0, 1, 1),
)


def table() -> Table:
    """Operations, reductions and passes over memory."""
    head = (
        *words("activation", "pass", kind=Kind.PROSE),
        *numbers("exponentials", "other operations", "sums over the batch", "reads", "writes"),
    )
    rows = tuple((name, which, *map(str, counts)) for name, which, *counts in _COUNTS)
    note = (
        "Modelled, per element, by the formulas; a sum over the batch has to end before the next pass can begin. At "
        "inference batch normalisation is an affine map and folds into the weights before it, so there it costs "
        "nothing: what it costs is training. No verdict rests on this table."
    )
    return Table("Modelled: operations, reductions and passes over memory", head, rows, (note,))
