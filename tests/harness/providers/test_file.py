"""A provider from a user's file: the likeliest mistakes get the sentence that a person would want."""

from __future__ import annotations

import json
import sys

import pytest

from harness import providers
from harness.ops.cases import make_case
from harness.providers.file import sources
from harness.run.job import Job
from harness.run.measuring import run_job
from harness.store.records import read_run
from harness.store.sources import sources_sha256
from harness.sweeps.stop_rule import StopRule
from tests.harness.command import elubench
from tests.harness.run.resumed import cpu

RULE = StopRule(min_samples=3, max_samples=3, warmup_seconds=0.0)
CASE = make_case("elu", (64, 32), "float32")


def written(tmp_path, text: str, name: str = "mine.py"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def outcome_of(spec: str, case=CASE) -> tuple[str, str]:
    (record,) = [
        each
        for each in run_job(Job(case, (spec,), cpu(), RULE, 0, timed=True), lambda *_: None)
        if each.role == "provider"
    ]
    return record.outcome, record.reason or ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "outcome", "sentences"),
    [
        (
            "def elu(x, alpha, scale, input_scale, out):\n    return torch.nn.functional.elu(x)",
            "rejected",
            ["out is nan where", "it takes `out` and returned a result, which is ignored", "out.copy_(result)"],
        ),
        (
            "def elu(x, alpha, scale, input_scale):\n    return torch.nn.functional.elu(x)[:1]",
            "rejected",
            ["its out is a tensor of shape (1, 32), float32, on cpu, and has to be a tensor of shape (64, 32)"],
        ),
        (
            "def elu(x, alpha, scale, input_scale):\n    return torch.nn.functional.elu(x.double())",
            "rejected",
            ["its out is a tensor of shape (64, 32), float64"],
        ),
        (
            "def elu(x, alpha, scale, input_scale):\n    return x.new_empty(x.shape, device='meta')",
            "rejected",
            ["on meta, and has to be"],
        ),
        ("def elu(x, alpha, scale, input_scale):\n    return 1.0", "rejected", ["its out is a float"]),
        ("def elu(x, alpha, scale, input_scale):\n    return x, x", "rejected", ["it returned 2 results where"]),
        (
            "def _inner(x):\n    return x / 0 + [][1]\n\ndef elu(x, alpha, scale, input_scale):\n    return _inner(x)",
            "crashed",
            ["IndexError: list index out of range (mine.py, line 4)"],
        ),
        ("import nothing_of_the_name", "crashed", ["cannot be imported: ModuleNotFoundError", "(mine.py, line 3)"]),
        ("def elu(x:", "crashed", ["cannot be imported: SyntaxError", "mine.py, line 3"]),
        ("import sys; sys.exit(3)", "crashed", ["cannot be imported: SystemExit: 3 (mine.py, line 3)"]),
    ],
)
def test_each_mistake_is_named(tmp_path, body, outcome, sentences):
    found, reason = outcome_of(written(tmp_path, f"import torch\n\n{body}\n"))
    assert found == outcome
    for sentence in sentences:
        assert sentence in reason


@pytest.mark.slow
def test_a_function_may_return_the_out_that_it_wrote(tmp_path):
    body = "def elu(x, alpha, scale, input_scale, out):\n    return torch.ops.aten.elu.out(x, out=out)"
    assert outcome_of(written(tmp_path, f"import torch\n\n{body}\n"))[0] == "ok"


@pytest.mark.slow
def test_a_file_imports_what_lies_beside_it_and_no_other_files_module_of_the_name(tmp_path):
    text = "import torch\nimport helper\n\n{}\n"
    late = "def elu(x, alpha, scale, input_scale):\n    import late\n    return late.elu(x)"
    for folder, factor in (("a", 1.0), ("b", 2.0)):
        written(tmp_path, f"import torch\n\ndef elu(x):\n    return {factor} * torch.nn.functional.elu(x)\n",
                f"{folder}/helper.py")  # fmt: skip
        written(tmp_path, text.format("def elu(x, alpha, scale, input_scale):\n    return helper.elu(x)"),
                f"{folder}/mine.py")  # fmt: skip
    written(tmp_path, "import torch\n\nelu = torch.nn.functional.elu\n", "a/late.py")
    lazy = written(tmp_path, f"{late}\n", "a/lazy.py")
    assert outcome_of(str(tmp_path / "a/mine.py"))[0] == "ok"
    assert outcome_of(str(tmp_path / "b/mine.py"))[0] == "rejected"
    assert outcome_of(lazy)[0] == "ok"
    assert "helper" not in sys.modules


@pytest.mark.slow
def test_two_files_of_one_name_are_two_rows(tmp_path):
    body = "import torch\n\ndef elu(x, alpha, scale, input_scale):\n    return torch.nn.functional.elu(x)\n"
    first, second = (written(tmp_path, body, f"{folder}/mine.py") for folder in ("a", "b"))
    assert [providers.name_of(each) for each in providers.distinct([first, second])] == ["a.mine", "b.mine"]
    assert providers.distinct([first, first]) == (first,)
    assert providers.name_of(f"v1={first}") == "v1"
    assert providers.load(f"v1={first}").name == "v1"
    with pytest.raises(providers.ProviderError, match="two providers are called 'v1'"):
        providers.distinct([f"v1={first}", f"v1={second}"])
    with pytest.raises(providers.ProviderError, match="has the name of the built-in provider 'eager'"):
        providers.check(f"eager={first}")
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('providers = ["eager"]\ndtypes = ["float32"]\n[[cases]]\nop = "elu"\nshapes = [[64]]\n')
    ended = elubench(
        "run", "--sweep", sweep, "--out", tmp_path / "run", "--device", "cpu", "--provider", first,
        "--provider", second, "--provider", f"v1={first}",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
    assert {row["provider"] for row in rows if row["role"] == "provider"} == {"a.mine", "b.mine", "v1"}


def test_sources_are_the_file_and_what_it_imports_from_its_folder(tmp_path):
    written(tmp_path, "import other\n", "helper.py")
    written(tmp_path, "", "other.py")
    written(tmp_path, "", "unused.py")
    written(tmp_path, "", "package/__init__.py")
    written(tmp_path, "", "package/inner.py")
    mine = tmp_path / "mine.py"
    mine.write_bytes(
        "# -*- coding: latin-1 -*-\n# \xe9\nimport torch, helper\nfrom package import inner\n".encode("latin-1")
    )
    found = sources(mine)
    assert list(found) == ["helper.py", "mine.py", "other.py", "package/__init__.py", "package/inner.py"]
    before = sources_sha256(found)
    (tmp_path / "other.py").write_text("x = 1\n")
    assert sources_sha256(sources(mine)) != before


KERNEL = """
import triton
import triton.language as tl

@triton.jit
def helper(x):
    y = x + 1
    return {helper}

@triton.jit
def kernel(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    y = helper(tl.load(x + at, mask=at < n))
    tl.store(out + at, {stored}, mask=at < n)

def elu(x, alpha, scale, input_scale, out):
    kernel[(32,)](x, out, x.numel(), BLOCK=64)
"""
SWEEP = """
providers = ["eager"]
dtypes = ["float32"]
case_timeout_s = 60
[[cases]]
op = "elu"
shapes = [[64, 32]]
"""


@pytest.mark.slow
def test_the_line_of_a_kernel_that_fails_is_in_the_record_and_in_the_table(tmp_path):
    sources = {
        "calls_none": (KERNEL.format(helper="y.nothing()", stored="y"), "(calls_none.py, line 8)"),
        "no_name": (KERNEL.format(helper="y", stored="nothing"),
                    "NameError('nothing is not defined') (no_name.py, line 14)"),
        "outside": (KERNEL.format(helper="y", stored="y").replace("mask=at < n", "mask=at >= 0").replace("32,", "64,"),
                    "outside.py:13"),
        "segfaults": ("import ctypes\n\ndef inner():\n    ctypes.string_at(0)\n\n"
                      "def elu(x, alpha, scale, input_scale):\n    inner()\n", "SIGSEGV in segfaults.py, line 4"),
        "exits": ("import sys\n\ndef elu(x, alpha, scale, input_scale):\n    sys.exit(3)\n",
                  "SystemExit: 3 (exits.py, line 4)"),
    }  # fmt: skip
    (tmp_path / "sweep.toml").write_text(SWEEP)
    words = [
        word for name, (text, _) in sources.items() for word in ("--provider", written(tmp_path, text, f"{name}.py"))
    ]
    run = tmp_path / "run"
    ended = elubench("run", "--sweep", tmp_path / "sweep.toml", "--out", run, "--device", "cpu", *words)
    assert ended.returncode == 0, ended.stderr
    reasons = {row.provider: row.reason for row in read_run(run).records if row.role == "provider"}
    shown = elubench("show", run, COLUMNS="400").stdout.splitlines()
    for name, (_, where) in sources.items():
        assert where in reasons[name]
        assert sum(where in line for line in shown) == 1
