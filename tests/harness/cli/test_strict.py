"""`elubench run --strict`: whatever keeps a provider from being measured fails it, and is counted by kind."""

from __future__ import annotations

import pytest

from tests.harness.command import elubench

TAKES = "(x, alpha, scale, input_scale):\n    "
ELU = f"import torch\n\ndef elu{TAKES}"
UNSUPPORTED = "1 unsupported, as misspelt.py defines no function named elu"
FAULTS = {
    "rejects": (f"{ELU}return x.clone()\n", "1 rejected"),
    "no_syntax": ("def elu(x:\n", "1 crashed"),
    "no_module": ("import nothing_of_the_name\n", "1 crashed"),
    "exits_at_import": ("import sys\nsys.exit(0)\n", "1 crashed"),
    "exits_at_call": (f"import sys\n{ELU}sys.exit(0)\n", "1 crashed"),
    "segfaults": (f"import ctypes\n{ELU}ctypes.string_at(0)\n", "1 crashed"),
    "allocates": (f"{ELU}return torch.empty(2**60)\n", "1 oom"),
    "hangs": (f"import time\n{ELU}time.sleep(1000)\n", "1 timeout"),
    "misspelt": (f"import torch\n\ndef elv{TAKES}return x\n", UNSUPPORTED),
}
SWEEP = """
providers = ["eager"]
dtypes = ["float32"]
case_timeout_s = 30
[stop]
min_samples = 3
max_samples = 3
warmup_seconds = 0.0
[[cases]]
op = "elu"
shapes = [[64]]
[[cases]]
op = "relu"
shapes = [[64], [65], [66]]
"""


@pytest.fixture
def run(tmp_path):
    """`elubench run` of providers by their sources."""

    def of(sources: dict[str, str], *options: str):
        # A case takes a fraction of a second; only one that hangs takes all that it may.
        (tmp_path / "sweep.toml").write_text(SWEEP.replace("= 30", "= 8") if "hangs" in sources else SWEEP)
        words = []
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            words += ["--provider", tmp_path / f"{name}.py"]
        return elubench("run", "--sweep", tmp_path / "sweep.toml", "--device", "cpu", "--out",
                        tmp_path / f"run{len(list(tmp_path.iterdir()))}", *words, *options)  # fmt: skip

    return of


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_it(run, fault):
    source, counted = FAULTS[fault]
    ended = run({fault: source}, "--op", "elu", "--strict")
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1] == f"elubench: --strict: {counted}; the table above says why"


@pytest.mark.slow
def test_all_kinds_are_counted_in_one_sentence_and_pass_without_it(run):
    names = ("rejects", "no_syntax", "no_module", "allocates", "misspelt")
    sources = {name: FAULTS[name][0] for name in names}
    ended = run(sources, "--op", "elu", "--strict")
    assert ended.returncode == 1
    assert "--strict: 1 rejected, 2 crashed, 1 oom, 1 unsupported, as misspelt.py defines" in ended.stderr
    ended = run(sources, "--op", "elu")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_an_op_that_a_file_does_not_define_is_no_failure(run):
    ended = run({"mine": f"{ELU}return torch.nn.functional.elu(x)\n"}, "--strict")
    assert ended.returncode == 0, ended.stderr
