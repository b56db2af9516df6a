"""Comparisons: a run is the same as itself, a slower one is slower where it is, and noise is never a difference."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from harness.ops.cases import make_case
from harness.store.records import ClockRange
from harness.store.vocabulary import RunError
from reports.analysis.compare import compare_providers, compare_runs
from reports.render import comparison
from tests.harness.command import elubench
from tests.reports.runs import control, hostile_run, noisy, record, run_of, slowed, stored, untimed

CASES = [make_case(op, (size, 1024), "float32") for op in ("elu", "elu_backward") for size in (256, 1024, 4096)]


def sweep_of(seed: int, floor: float = 0.008, count: int = 200, **manifest):
    """A run of two providers over all cases; another seed is another measurement of the same things."""
    records = []
    for case in CASES:
        for provider, time_s in (("eager", 100e-6), ("compile", 80e-6)):
            records.append(noisy(case, provider, time_s, seed, count, noise_floor=floor))
        records.append(noisy(case, "eager", 100e-6, seed, count, role="control", noise_floor=floor))
    return run_of(*records, **manifest)


def with_slower(run, is_slowed):
    return replace(run, records=tuple(slowed(each) if is_slowed(each) else each for each in run.records))


def third(each):
    """A third of the rows: all of one case, one provider of another."""
    return each.case_key == CASES[0].key or (each.case_key == CASES[4].key and each.provider == "compile")


@pytest.fixture
def stored_runs(tmp_path):
    run = sweep_of(1)
    return stored(run, tmp_path / "a"), stored(with_slower(run, third), tmp_path / "b")


def test_a_run_is_the_same_as_itself_whatever_its_rows_are_like(tmp_path):
    rows = [*sweep_of(1).records, record(CASES[0], "few", samples_s=(1e-6, 2e-6), ci95_s=None, flags=("few_samples",)),
            noisy(CASES[0], "wide", flags=("noisy", "throttled"))]  # fmt: skip
    run = stored(run_of(*rows), tmp_path / "a")
    found = compare_runs(run, run)
    assert {pair.verdict for pair in found.pairs} == {"same"}
    assert len(found.pairs) == 14 and not found.changes and not found.warnings


def test_three_percent_slower_is_slower_there_and_nowhere_else(stored_runs):
    found = compare_runs(*stored_runs)
    for pair in found.pairs:
        assert pair.verdict == ("slower" if third(pair.first) else "same"), pair.first.case_key
        assert pair.ratio.low <= (1.03 if third(pair.first) else 1.0) * (1 + 1e-9)
    back = compare_runs(*stored_runs[::-1])
    assert back.counts == {"faster": found.counts["slower"], "same": found.counts["same"]}


@pytest.mark.parametrize("counts", [(200, 200), (200, 350)], ids=["as many samples", "other numbers of samples"])
def test_two_measurements_of_the_same_are_never_slower_or_faster(tmp_path, counts):
    a, b = (
        stored(sweep_of(seed, count=count), tmp_path / str(seed)) for seed, count in zip((1, 2), counts, strict=True)
    )
    assert not {"slower", "faster"} & set(compare_runs(a, b).counts)
    slower = stored(with_slower(sweep_of(1, count=counts[1]), third), tmp_path / "slower")
    for pair in compare_runs(a, slower).pairs:
        assert pair.verdict in (("slower", "undecided") if third(pair.first) else ("same", "undecided"))
    assert compare_runs(a, slower).counts["slower"] >= 2


def test_times_behind_another_flush_are_no_difference_of_the_kernels(tmp_path):
    def with_flush(kind):
        rows = (replace(each, flush=kind) for each in with_slower(sweep_of(1), third).records)
        return stored(run_of(*rows), tmp_path / str(kind))

    old = stored(sweep_of(1), tmp_path / "old")  # before there was a choice, the flush left the L2 dirty
    assert compare_runs(old, with_flush("dirty")).counts["slower"] == 3
    changed = [pair for pair in compare_runs(old, with_flush("clean")).pairs if third(pair.first)]
    assert {pair.verdict for pair in changed} == {"undecided"}
    assert changed[0].why == "the L2 was flushed dirty on the first side and clean on the second"


@pytest.mark.parametrize("is_old", [False, True])
def test_a_difference_has_to_hold_in_cycles_too_and_else_the_clock_is_named(tmp_path, is_old):
    def at(mhz):
        if is_old:  # before records had a field for it
            return {"health": {"gpu": {"after": {"sm_clock_mhz": mhz}}}}
        return {"sm_clock": ClockRange(mhz, mhz - 15, mhz, 7)}

    def run(name, mhz, factor):
        rows = (replace(slowed(each, factor) if factor != 1 else each, **at(mhz)) for each in sweep_of(1).records)
        return stored(run_of(*rows), tmp_path / name)

    first = run("first", 1980, 1)
    found = compare_runs(first, run("a slower clock", 1800, 1.1))
    assert found.counts == {"undecided": 12}
    assert found.pairs[0].why == "slower in seconds, same in cycles: an SM clock of 1980, then 1800 MHz"
    assert compare_runs(first, run("a slower kernel", 1980, 1.1)).counts == {"slower": 12}
    assert compare_runs(first, run("both", 1800, 1.3)).counts == {"slower": 12}


def test_no_difference_below_either_floor_is_claimed(tmp_path):
    quiet, loud = sweep_of(1), sweep_of(1, floor=0.05)
    for number, (a, b) in enumerate([(quiet, loud), (loud, quiet)]):
        first, second = stored(a, tmp_path / f"a{number}"), stored(with_slower(b, third), tmp_path / f"b{number}")
        assert {pair.verdict for pair in compare_runs(first, second).pairs} == {"same"}
    unheld = run_of(*(replace(each, noise_floor=None) for each in quiet.records if each.role == "provider"))
    first, second = stored(unheld, tmp_path / "c"), stored(with_slower(unheld, third), tmp_path / "d")
    assert {pair.why for pair in compare_runs(first, second).pairs if third(pair.first)} == {"no A/A control"}


def test_a_difference_that_may_be_a_throttles_is_not_claimed(stored_runs, tmp_path):
    hot = (replace(each, flags=("throttled",)) if third(each) else each for each in stored_runs[1].records)
    found = compare_runs(stored_runs[0], stored(run_of(*hot), tmp_path / "hot"))
    assert {(pair.verdict, pair.why) for pair in found.pairs if third(pair.first)} == {
        ("undecided", "only one side is marked throttled")
    }


def test_two_providers_of_one_run_are_held_against_each_other_by_pairs(tmp_path):
    found = compare_providers(stored(sweep_of(1), tmp_path / "a"), "eager", "compile")
    assert [pair.verdict for pair in found.pairs] == ["faster"] * 6
    for pair in found.pairs:
        assert pair.ratio.low < 0.8 < pair.ratio.high


def test_what_is_not_alike_is_said(tmp_path):
    health = {"cpu": {"governor": "powersave"}}
    gpu = {"gpu": {"after": {"sm_clock_mhz": 1980}}}
    first = sweep_of(1, health={"cpu": {"governor": "performance"}})
    first = replace(first, records=tuple(replace(r, health=gpu) for r in first.records))
    second = sweep_of(2, device={"name": "Other"}, versions={"torch": "2.11.0"}, health=health, sweep={"name": "mine"})
    slower = {"gpu": {"after": {"sm_clock_mhz": 1200}}}
    second = replace(second, records=tuple(replace(r, health=slower) for r in second.records))
    found = compare_runs(stored(first, tmp_path / "a"), stored(second, tmp_path / "b"))
    for words in (
        "device: Test device against Other",
        "torch: 2.13.0 against 2.11.0",
        "CPU's governor: performance against powersave",
        "sweep: smoke against mine",
        "SM clock while timing: 1980 MHz against 1200 MHz",
    ):
        assert words in found.warnings


def test_lost_and_left_out_cases_are_told_apart(tmp_path):
    other = make_case("elu", (77, 1024), "float32")
    first = run_of(record(), record(provider="compile"), record(other), control(0.01))
    second = run_of(record(), untimed(provider="compile", outcome="rejected"), control(0.01))
    found = compare_runs(stored(first, tmp_path / "a"), stored(second, tmp_path / "b"))
    assert {(each.provider, each.first, each.second, each.is_loss) for each in found.changes} == {
        ("compile", "ok", "rejected", True),
        ("eager", "ok", None, False),
    }


def test_nothing_in_common_is_an_error(tmp_path):
    empty = stored(run_of(), tmp_path / "a")
    with pytest.raises(RunError, match="hold no record"):
        compare_runs(empty, empty)
    run = stored(sweep_of(1), tmp_path / "b")
    with pytest.raises(RunError, match="no provider 'mine'; it has eager, compile"):
        compare_providers(run, "eager", "mine")


@pytest.mark.slow
def test_the_command_says_it_in_three_forms_and_by_its_exit_code(stored_runs):
    a, b = (run.path for run in stored_runs)
    ended = elubench("compare", a, b)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("slower") >= 3 and "3 slower, 9 same" in ended.stdout
    ended = elubench("compare", a, b, "--json", "--fail-on", "slower")
    assert ended.returncode == 1 and ended.stderr == "elubench: 3 slower\n"
    content = json.loads(ended.stdout)
    assert content["counts"] == {"slower": 3, "faster": 0, "undecided": 0, "same": 9}
    assert content["pairs"][0]["ratio"] == pytest.approx(1.03)
    assert elubench("compare", a, a, "--fail-on", "slower", "--fail-on", "undecided").returncode == 0


@pytest.mark.slow
def test_a_check_with_nothing_to_compare_or_a_provider_gone_fails(tmp_path):
    both = stored(run_of(record(), record(provider="mine"), control(0.01)), tmp_path / "both").path
    one = stored(run_of(record(), control(0.01)), tmp_path / "one").path
    wrong = stored(run_of(untimed(provider="mine", outcome="rejected")), tmp_path / "wrong").path
    ended = elubench("compare", both, one, "--fail-on", "slower")
    assert ended.returncode == 1 and ended.stderr == f"elubench: mine is not in {one} any more\n"
    assert elubench("compare", both, one).returncode == 0
    ended = elubench("compare", wrong, wrong, "--fail-on", "slower")
    assert ended.returncode == 1 and "there is nothing to compare" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["A"], "two runs"),
        (["A", "A", "A"], "trend"),
        (["A", "A", "--markdown", "--json"], "choose one"),
        (["A", "nowhere"], "nowhere holds no manifest.json"),
    ],
)
def test_wrong_usage_is_one_sentence(stored_runs, arguments, named):
    ended = elubench("compare", *(str(stored_runs[0].path) if each == "A" else each for each in arguments))
    assert ended.returncode == 2 and named in ended.stderr and "Traceback" not in ended.stderr
    assert not ended.stdout


@pytest.fixture
def hostile(tmp_path):
    run = hostile_run()
    records = tuple(slowed(each, 1.2) if each.samples_s else each for each in run.records)
    device = replace(run.manifest.device, name="\x1b[2J<script>")
    other = replace(run, records=records, manifest=replace(run.manifest, device=device))
    return compare_runs(stored(run, tmp_path / "a"), stored(other, tmp_path / "b"))


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_fits_the_terminal_and_hostile_names_control_nothing(hostile, width):
    file = io.StringIO()
    comparison.show([hostile], Console(file=file, width=width))
    lines = file.getvalue().splitlines()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", file.getvalue())
    assert max(map(cell_len, lines)) <= width
    assert "[red]evil[/red]" in file.getvalue()


def test_markdown_is_a_table_whatever_the_names(hostile):
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(comparison.to_markdown([hostile]))
    assert len(re.findall(r"<tr>", html)) == 1 + len(hostile.pairs)
    assert not re.search(r"<(?!/?(p|ul|li|code|table|thead|tbody|tr|th|td|strong)\b)", html)


def test_json_is_json_whatever_the_names(hostile):
    content = json.loads(comparison.to_json([hostile]))
    assert {each["second_provider"] for each in content["pairs"]} == {pair.second.provider for pair in hostile.pairs}
