"""The process that runs the kernels of one architecture by machine code and by PTX, and prints a row for each.

It is a process of its own because Triton decides when kernels are imported whether it interprets them. Run by
`agreements`; it reads a request from standard input, and prints a line of JSON as soon as a kernel has run.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator

import torch

from harness import providers
from harness.correctness import gate
from harness.machine_code.agreement import Agreement, ComparingDriver, comparing
from harness.machine_code.agreements import AgreementRow
from harness.machine_code.specimens import Shapes, Specimen, specimens
from harness.ops.buffers import BufferSet, allocate
from harness.ops.catalogue import OPS
from harness.plumbing.errors import first_line
from harness.store.vocabulary import Outcome

_STEP = 40503  # odd: n times it, modulo 65536, is every 16-bit number once


def main() -> None:
    request = json.load(sys.stdin)
    # What a provider prints goes to the errors: standard output is for the rows alone.
    out = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(out, "w", encoding="utf-8") as file:
        for row in rows(request["arch"], request["provider"], request["ops"], request["dtypes"], request["elements"]):
            print(json.dumps(dataclasses.asdict(row)), file=file, flush=True)


def rows(arch: str, spec: str, ops: list[str], dtypes: list[str], elements: int) -> Iterator[AgreementRow]:
    """Of every kernel that the provider launches for small forms of the ops' cases."""
    provider = providers.load(spec)
    with comparing(arch) as gpu:
        for op in ops:
            for dtype in dtypes:
                for specimen in specimens(op, dtype, _shapes(elements // 16 if dtype == "float64" else elements)):
                    yield from _of_specimen(specimen, arch, provider, gpu)


def _shapes(elements: int) -> Shapes:
    """Of about so many elements; fp64 has fewer, as its sums are done exactly, one by one, where they are hard."""
    side = max(32, 1 << (elements.bit_length() - 1) // 2)
    return Shapes((side, side), (side - 1, side + 1), (8, 8, max(1, side // 16), max(1, side // 4)))


def _of_specimen(
    specimen: Specimen, arch: str, provider: providers.Provider, gpu: ComparingDriver
) -> Iterator[AgreementRow]:
    case = specimen.case
    gpu.agreements.clear()
    row = AgreementRow(case.op, specimen.variant, case.dtype, arch, provider.name, None, 0, Outcome.CRASHED)
    buffers = allocate(case, 1, "cpu")[0]
    sums = any(each.shape != buffers.inputs[0].shape for each in buffers.outputs)
    try:
        call = provider.prepare(case)
        if sums:
            call(*buffers.inputs, *buffers.outputs)  # on normals: one NaN hides the other terms of a sum
        if not OPS[case.op].mixes_elements:
            fill(buffers)
            call(*buffers.inputs, *buffers.outputs)
    except Exception as error:
        yield dataclasses.replace(row, reason=first_line(error))
        return
    for kernel in dict.fromkeys(each.kernel for each in gpu.agreements):
        yield _joined(row, [each for each in gpu.agreements if each.kernel == kernel])


def _joined(row: AgreementRow, launches: list[Agreement]) -> AgreementRow:
    """What the launches of one kernel say together: the first that differs, or is unsupported, speaks for all."""
    order = (Outcome.REJECTED, Outcome.UNSUPPORTED, Outcome.VALIDATED)
    worst = min(launches, key=lambda each: order.index(each.outcome))
    return dataclasses.replace(
        row,
        kernel=worst.kernel,
        inputs=sum(each.inputs for each in launches),
        outcome=worst.outcome,
        reason=worst.reason,
        opcodes=tuple(sorted({opcode for each in launches for opcode in each.opcodes})),
    )


def fill(buffers: BufferSet) -> None:
    """Every 16-bit number into each large input, in another order each; of wider types numbers that break kernels."""
    for place, tensor in enumerate(buffers.inputs):
        if tensor.shape != buffers.inputs[0].shape:
            continue
        flat = tensor.view(-1)
        if tensor.element_size() == 2:
            numbers = torch.arange(flat.numel()) * pow(_STEP, place) % 65536
            flat.view(torch.int16).copy_(numbers.to(torch.int32).to(torch.int16))
        else:
            values = gate.adversarial_values(tensor.dtype, seed=place)
            flat.copy_(values.repeat(-(-flat.numel() // values.numel()))[: flat.numel()])


if __name__ == "__main__":
    main()
