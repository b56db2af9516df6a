"""Which kernels' machine code agrees with their PTX, and what that says of each opcode. Imports no torch.

The work is done by `agreement_worker`, a process for each architecture.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.machine_code.specimens import DTYPES
from harness.machine_code.survey import EAGER, InspectError, check, process_environment, worker_lines
from harness.ops.catalogue import KERNEL_OPS
from harness.store.lines import Decoder
from harness.store.vocabulary import Outcome

ELEMENTS = 2**16  # of a case: every 16-bit input


@dataclass(frozen=True)
class AgreementRow:
    """One kernel of one case: whether its machine code left the same bytes as its PTX."""

    op: str
    variant: str
    dtype: str
    arch: str
    provider: str
    kernel: str | None
    inputs: int  # elements of the largest tensor of its launches
    outcome: Outcome  # VALIDATED, REJECTED, UNSUPPORTED, or CRASHED where nothing was launched
    reason: str | None = None  # why it is not validated
    opcodes: tuple[str, ...] = ()  # that were executed, with their modifiers

    def __str__(self) -> str:
        name = " ".join(filter(None, (self.op, self.variant, self.dtype, self.arch, self.kernel)))
        agrees = self.outcome is Outcome.VALIDATED
        return f"{name}: same bits on {self.inputs:,} inputs" if agrees else f"{name}: {self.outcome}: {self.reason}"


_row = Decoder(AgreementRow)


def validate(
    archs: Sequence[str], provider: str = "triton", ops: Sequence[str] = (), dtypes: Sequence[str] = (),
    elements: int = ELEMENTS,
) -> Iterator[AgreementRow]:  # fmt: skip
    """A row for every kernel that `provider` launches for `ops` in `dtypes` (all where empty), as it is found.

    Raises InspectError for what cannot be compiled for, ProviderError.
    """
    check(archs, provider, ops, dtypes)
    if provider == EAGER:
        raise InspectError(
            "PyTorch's library has no PTX to hold its machine code against; leave --validate to count it"
        )
    for arch in archs:
        if not arch.startswith("sm_"):
            raise InspectError(f"machine code of {arch} is counted only: the emulated GPU runs NVIDIA's, as for sm_90")
    for arch in archs:
        request = {
            "provider": provider,
            "arch": arch,
            "ops": list(ops or KERNEL_OPS),
            "dtypes": list(dtypes or DTYPES),
            "elements": elements,
        }
        for line in worker_lines("harness.machine_code.agreement_worker", json.dumps(request), process_environment()):
            yield _row(line)


def to_json(rows: Iterable[AgreementRow]) -> str:
    """The rows as a JSON list."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=1, ensure_ascii=False)


_rows = Decoder(tuple[AgreementRow, ...])


def from_json(text: bytes) -> tuple[AgreementRow, ...]:
    """The rows of a JSON list. Raises ValueError where it is not one of rows."""
    return _rows(text)


@dataclass(frozen=True)
class Evidence:
    """On how much the meaning of an opcode rests."""

    name: str  # without modifiers
    forms: tuple[str, ...]  # the modifiers that were executed, as in ".E.128"
    inputs: dict[str, int]  # by architecture: of all kernels that executed it and agreed
    kernels: int


def evidence(rows: Iterable[AgreementRow]) -> list[Evidence]:
    """Of every opcode that was executed by a kernel which agrees with its PTX."""
    forms: dict[str, set[str]] = {}
    inputs: dict[str, dict[str, int]] = {}
    kernels: dict[str, int] = {}
    for row in rows:
        if row.outcome is not Outcome.VALIDATED:
            continue
        for opcode in row.opcodes:
            name, _, rest = opcode.partition(".")
            forms.setdefault(name, set()).add(f".{rest}" if rest else "")
        for name in {opcode.partition(".")[0] for opcode in row.opcodes}:
            counts = inputs.setdefault(name, {})
            counts[row.arch] = counts.get(row.arch, 0) + row.inputs
            kernels[name] = kernels.get(name, 0) + 1
    return [Evidence(name, tuple(sorted(forms[name])), inputs[name], kernels[name]) for name in sorted(inputs)]
