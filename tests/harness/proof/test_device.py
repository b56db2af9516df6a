"""A device gives what the published proofs say: the same bits where no ex2 is used, no larger an error where one is."""

import hashlib

import pytest
import torch

from harness.ops.cases import make_case
from harness.ops.elu import gradient
from harness.ops.reference import ulp_size
from harness.proof.lines import End, Known
from harness.proof.rows import read_proof
from harness.providers import load
from tests.harness.command import ROOT

PROOFS = sorted(path.parent for path in (ROOT / "results").glob("*/proof-*/manifest.json"))
INTEGERS = {32: torch.int32, 16: torch.int16}


def binade(row):
    """All numbers of a row's binade, in the order of the line, on the device."""
    line, half = row.line, 1 << (row.line.bits - 1)
    places = torch.arange(row.binade * line.each, (row.binade + 1) * line.each, device="cuda")
    patterns = torch.where(places < half, 2 * half - 1 - places, places - half)
    integer = INTEGERS[line.bits]
    return patterns.to(integer).view(getattr(torch, row.dtype))


def outputs(row, x):
    given = {"is_result": row.known is Known.RESULT} if row.op == "elu_backward" else {}
    case, out = make_case(row.op, (x.numel(),), row.dtype, given), torch.empty_like(x)
    load("triton").prepare(case)(*([torch.ones_like(x)] if given else []), x, out)
    return out


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.name)
def test_a_device_has_the_outputs_of_the_published_proof(path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rows = {row.key: row for row in read_proof(path).rows}
    wrong = []
    for row in rows.values():
        if row.ex2 is End.UNUSED:
            found = outputs(row, binade(row)).view(INTEGERS[row.line.bits]).cpu().numpy()
            if hashlib.sha256(found.tobytes()).hexdigest() != row.outputs_sha256:
                wrong.append((row.op, row.dtype, row.known, row.binade))
        elif row.ex2 is End.LOW:
            x = binade(row)
            wide = x.double()
            true = torch.where(wide > 0, wide, wide.expm1())
            if row.known is Known.INPUT:
                true = gradient(torch.ones_like(wide), wide, 1.0, 1.0, 1.0)
            error = (outputs(row, x).double() - true).abs() / ulp_size(true, x.dtype)
            ends = [rows[(*row.key[:3], end, row.binade)].max_ulp for end in (End.LOW, End.NEAREST, End.HIGH)]
            if float(error[x.isfinite()].max() if x.isfinite().any() else 0.0) > max(ends) + 1e-3:
                wrong.append((row.op, row.dtype, row.known, row.binade))
    assert wrong == []
