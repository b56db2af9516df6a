"""What several runs, each on a data set of its own, say together of a statement. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.paper.judge import CANNOT_TELL, DOES_NOT, EQUIVALENT, HOLDS, Judged
from reports.paper.rules import Statement


@dataclass(frozen=True)
class Together:
    """A statement with its verdict on every data set, and the one that follows from them."""

    statement: Statement
    by_data_set: Mapping[str, Judged]
    verdict: str


def overall(verdicts: Sequence[str], data_sets: int) -> str:
    """The verdict that at least `data_sets` data sets share and that no other contradicts.

    Data that cannot tell contradict nothing; "holds" beside "does not" or "equivalent" cannot tell.
    """
    told = [verdict for verdict in verdicts if verdict in (HOLDS, DOES_NOT, EQUIVALENT)]
    return told[0] if len(told) >= data_sets and len(set(told)) == 1 else CANNOT_TELL


def together(judged: Mapping[str, Sequence[Judged]], data_sets: int) -> list[Together]:
    """The statements that were judged anywhere, in order; `judged` has those of a run by its data set."""
    statements: dict[str, Statement] = {}
    for found in judged.values():
        statements |= {each.statement.key: each.statement for each in found}
    made = []
    for key, statement in statements.items():
        here = {name: each for name, found in judged.items() for each in found if each.statement.key == key}
        made.append(Together(statement, here, overall([each.verdict for each in here.values()], data_sets)))
    return made
