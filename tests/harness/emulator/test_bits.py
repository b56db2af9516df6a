"""The suite's kernels in the interpreter and on the emulated GPU: the same bits, wherever the interpreter is right.

It is not right, or not the judge, in three ways:
- it rounds a product before it adds something to it, where the compiler makes one fma of both that rounds once. fp64
  is full of that, and in fp32 so is the gradient of general parameters from the result;
- it adds up in NumPy's order, the gradients of a bias and a weight;
- the digits of a NaN.
In fp32 and 16 bits kernels say where they want an fma, and the interpreter emulates that (`kernels.primitives.fma`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("triton.backends.nvidia")

from tests.harness.command import elubench

pytestmark = pytest.mark.slow

TYPES = {"bfloat16": np.uint16, "float16": np.float16, "float32": np.float32, "float64": np.float64}  # as NumPy has it
CONTRACTED = "elu_backward(alpha=1.67326,input_scale=1.25,is_result=True,scale=1.0507)"
# Of what is computed differently: in units of the last place of the largest number that takes part.
ULPS = {"float32": 64 * 2.0**-24, "float64": 64 * 2.0**-53}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What is written in the interpreter, and on the emulated GPU."""
    folder = tmp_path_factory.mktemp("bits")
    found = []
    for name, variables in (("interpreter", {"TRITON_INTERPRET": "1"}), ("machine", {})):
        path = folder / f"{name}.npz"
        # The interpreter wants kernels that were imported for it.
        done = elubench(path, module="tests.harness.emulator.bits", timeout=600, fresh=bool(variables), **variables)
        assert done.returncode == 0, done.stderr
        found.append(loaded(path))
    return found[0], found[1]


def loaded(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {key: file[key].reshape(-1).view(TYPES[dtype(key)]) for key in file.files}


def dtype(key: str) -> str:
    return next(name for name in TYPES if f" {name} " in key)


def is_computed_alike(key: str) -> bool:
    is_sum = key.startswith(("bias_elu_backward", "prelu_backward")) and key.endswith(" 1")
    is_contracted = dtype(key) == "float64" or (key.startswith(CONTRACTED) and dtype(key) == "float32")
    # A sum is rounded to 16 bits at its end, where its order seldom shows.
    return not is_contracted and not (is_sum and dtype(key) == "float32")


def test_all_kernels_are_there_and_most_are_computed_alike(written):
    interpreter, machine = written
    assert interpreter.keys() == machine.keys() and len(machine) > 130
    assert sum(map(is_computed_alike, machine)) > 90


def test_the_bits_are_the_same(written):
    interpreter, machine = written
    different = {
        key: int(np.count_nonzero(~same(interpreter[key], machine[key])))
        for key in machine
        if is_computed_alike(key) and not same(interpreter[key], machine[key]).all()
    }
    assert different == {}


def same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    bits = f"u{one.dtype.itemsize}"
    return (one.view(bits) == other.view(bits)) | (is_nan(one) & is_nan(other))


def is_nan(values: np.ndarray) -> np.ndarray:
    return values & 0x7FFF > 0x7F80 if values.dtype == np.uint16 else np.isnan(values)


def test_what_is_computed_differently_differs_by_roundings(written):
    interpreter, machine = written
    for key in machine:
        if is_computed_alike(key):
            continue
        one, other = interpreter[key], machine[key]
        finite = np.isfinite(one)
        assert np.array_equal(one[~finite], other[~finite], equal_nan=True), key
        scale = np.maximum(1, np.abs(one[finite]))
        assert (np.abs(one[finite] - other[finite]) <= ULPS[dtype(key)] * scale).all(), key
