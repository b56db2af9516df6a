from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sweeps.stop_rule import StopRule
from harness.timing.clocks import CpuClock, CudaClock, ScriptedClock
from harness.timing.estimators import noise_floor, paired_ratio
from harness.timing.sampler import Sampled, rounds, sample

NO_WARMUP = 0.0


class Bench:
    """Entries whose calls are logged as (name, slot), and a clock on which each entry has its own script."""

    def __init__(self, sets: int = 1, **times_s: float | list[float] | Iterator[float]) -> None:
        self.log: list[tuple[str, int]] = []
        self.calls = {name: [self._bind(name, slot) for slot in range(sets)] for name in times_s}
        scripts = {
            name: script
            if isinstance(script, Iterator)
            else itertools.cycle(script if isinstance(script, list) else [script])
            for name, script in times_s.items()
        }
        self.clock = ScriptedClock(lambda call: next(scripts[self.log[-1][0]]))

    def _bind(self, name: str, slot: int) -> Callable[[], None]:
        return lambda: self.log.append((name, slot))

    def run(self, seed: int = 0, **rule: float) -> dict[str, Sampled]:
        rule = {"warmup_seconds": NO_WARMUP} | rule
        return sample(self.calls, self.clock, StopRule(**rule), seed)

    def rounds(self) -> list[tuple[str, ...]]:
        """The order of names in each round, without the warm-up's one call of each."""
        names = [name for name, _ in self.log][len(self.calls) :]
        size = len(self.calls)
        return [tuple(names[i : i + size]) for i in range(0, len(names), size)]


def count(sampled: dict[str, Sampled]) -> int:
    """The number of samples, which is the same for all entries."""
    (number,) = {len(entry.samples_s) for entry in sampled.values()}
    return number


NOISY = [1e-3, 2e-3]  # never within ±0.5%


def test_precision_stops_at_min_samples():
    sampled = Bench(a=1e-3, b=2e-3).run()
    assert count(sampled) == 30
    assert sampled["a"] == Sampled((1e-3,) * 30, 1e-3, (1e-3, 1e-3), "precision", sum([1e-3] * 30), 1e-3)
    assert sampled["b"].median_s == 2e-3


def test_max_samples():
    sampled = Bench(a=NOISY).run(max_samples=101, max_seconds=1e9)
    assert count(sampled) == 101
    assert sampled["a"].stop_rule == "max_samples"


def test_max_seconds():
    sampled = Bench(a=NOISY).run(max_seconds=0.15)
    assert count(sampled) == 100  # at 1.5 ms on average
    assert sampled["a"].stop_rule == "max_seconds"


def test_max_seconds_counts_the_overhead_of_the_clock():
    class SlowClock(ScriptedClock):
        def time_call(self, call):
            self._now_s += 0.1  # a flush, say
            return super().time_call(call)

    sampled = sample({"a": [lambda: None]}, SlowClock(itertools.cycle(NOISY)), StopRule(max_seconds=4.0), seed=0)
    assert len(sampled["a"].samples_s) == 40


def test_a_cap_stops_all_entries_and_precise_ones_keep_their_word():
    sampled = Bench(steady=1e-3, noisy=NOISY).run(max_seconds=0.15)
    assert count(sampled) == 100
    assert sampled["steady"].stop_rule == "precision"
    assert sampled["noisy"].stop_rule == "max_seconds"


def test_the_slowest_entry_fires_the_cap_of_seconds():
    sampled = Bench(slow=2**-3, fast=[2**-20, 2**-19]).run(max_seconds=6.25)  # powers of two: sums are exact
    assert count(sampled) == 50
    assert sampled["slow"].stop_rule == "precision"
    assert sampled["fast"].stop_rule == "max_seconds"


def test_min_samples_are_kept_even_at_a_cap():
    sampled = Bench(a=[1.0, 2.0]).run(max_seconds=0.5)
    assert count(sampled) == 30
    assert sampled["a"].stop_rule == "max_seconds"


def test_too_few_samples_have_no_interval_and_no_precision():
    sampled = Bench(a=1e-3).run(min_samples=1, max_samples=5)
    assert sampled["a"].ci95_s is None
    assert sampled["a"].stop_rule == "max_samples"


def test_noise_that_averages_out_stops_between_the_caps():
    spread = [1e-3 * (1 + 0.05 * (i * 7919 % 101 - 50) / 50) for i in range(101)]
    sampled = Bench(a=spread).run(max_seconds=1e9)
    assert 30 < count(sampled) < 2000
    assert sampled["a"].stop_rule == "precision"


def test_every_round_visits_every_entry_in_a_fresh_order():
    bench = Bench(a=1.0, b=1.0, c=1.0)
    bench.run(min_samples=60)
    assert all(sorted(order) == ["a", "b", "c"] for order in bench.rounds())
    assert len(set(bench.rounds())) == 6, "all orders occur"


def test_the_seed_decides_the_order():
    def rounds(seed: int) -> list[tuple[str, ...]]:
        bench = Bench(a=1.0, b=1.0, c=1.0)
        bench.run(seed=seed)
        return bench.rounds()

    assert rounds(1) == rounds(1)
    assert rounds(1) != rounds(2)


@given(sets=st.integers(1, 7), entries=st.integers(1, 5), seed=st.integers(0, 1000), warmup=st.floats(0, 0.01))
@settings(deadline=None)
def test_slots_rotate_whatever_the_entry(sets, entries, seed, warmup):
    bench = Bench(sets, **{f"entry{i}": 1e-3 for i in range(entries)})
    bench.run(seed, min_samples=12, warmup_seconds=warmup)
    assert [slot for _, slot in bench.log] == [n % sets for n in range(len(bench.log))]


@given(
    times=st.lists(st.floats(1e-6, 1e-2), min_size=1, max_size=30),
    least=st.integers(1, 40),
    more=st.integers(0, 100),
    seconds=st.floats(0, 1),
)
@settings(deadline=None)
def test_the_number_of_samples_is_within_the_rule(times, least, more, seconds):
    bench = Bench(a=times, b=1e-3)
    sampled = bench.run(min_samples=least, max_samples=least + more, max_seconds=seconds)
    assert least <= count(sampled) <= least + more
    for entry in sampled.values():
        assert entry.stop_rule in ("precision", "max_samples", "max_seconds")
        if entry.stop_rule == "max_samples":
            assert len(entry.samples_s) == least + more
        if entry.ci95_s is not None:
            low, high = entry.ci95_s
            assert low <= entry.median_s <= high


def test_warm_up_goes_in_rounds_and_its_times_are_not_samples():
    bench = Bench(a=2**-7, b=2**-6)  # powers of two: sums are exact
    sampled = bench.run(warmup_seconds=13 * 2**-7)
    names = [name for name, _ in bench.log]
    warm_up = names[: -2 * count(sampled)]
    assert warm_up == ["a", "b"] * 11  # one call apart, then 10 rounds, which 26/128 s fit into
    assert [sampled[name].warmup_s for name in ("a", "b")] == [11 * 2**-7, 11 * 2**-6]
    assert sampled["a"].measured_s == sum(sampled["a"].samples_s)


def test_a_long_first_call_does_not_use_up_the_warm_up():
    bench = Bench(a=[5.0] + [2**-7] * 1000)
    sampled = bench.run(warmup_seconds=20 * 2**-7)
    assert len(bench.log) == 1 + 20 + 30
    assert set(sampled["a"].samples_s) == {2**-7}


def test_warm_up_goes_on_until_the_clock_has_settled():
    """The device takes 200 calls to reach its full clock: no sample is taken before."""
    rising = [2e-3 - 5e-6 * n for n in range(200)]
    bench = Bench(a=itertools.chain(rising, itertools.repeat(1e-3)))
    sampled = bench.run(warmup_seconds=1e-3, max_warmup_seconds=10.0)
    assert sampled["a"].is_settled
    assert sampled["a"].median_s == pytest.approx(1e-3, rel=0.01)
    assert max(sampled["a"].samples_s) < 1.02e-3


def test_warm_up_has_an_end_where_nothing_settles():
    falling = (1e-3 * 1.01**n for n in itertools.count())
    sampled = Bench(a=falling).run(warmup_seconds=1e-3, max_warmup_seconds=0.1, max_seconds=0.1)
    assert not sampled["a"].is_settled
    assert 0.1 <= sampled["a"].warmup_s < 0.2


def test_the_order_of_a_stored_record_can_be_had_again():
    bench = Bench(a=1.0, b=1.0, c=1.0)
    number = count(bench.run(seed=42))
    assert list(itertools.islice(rounds(["a", "b", "c"], 42), number)) == bench.rounds()


def test_a_clock_that_stands_still_is_no_hang():
    sampled = Bench(a=0.0).run(warmup_seconds=1.0, max_samples=50)
    assert sampled["a"].stop_rule == "max_samples"


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_gc_pauses_and_is_restored(enabled, fails):
    seen: list[bool] = []

    def call() -> None:
        seen.append(gc.isenabled())
        if fails and len(seen) > 10:
            raise RuntimeError("device lost")

    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        if fails:
            with pytest.raises(RuntimeError, match="device lost"):
                sample({"a": [call]}, ScriptedClock(itertools.repeat(1.0)), StopRule(), seed=0)
        else:
            sample({"a": [call]}, ScriptedClock(itertools.repeat(1.0)), StopRule(), seed=0)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
    assert not any(seen)


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ({}, "nothing to sample"),
        ({"a": []}, "at least one call"),
        ({"a": [int], "b": [int, int]}, "the numbers differ: a: 1, b: 2"),
    ],
)
def test_unusable_calls_are_refused(calls, message):
    with pytest.raises(ValueError, match=message):
        sample(calls, ScriptedClock([]), StopRule(), seed=0)


@pytest.mark.parametrize(
    "rule",
    [
        {"min_samples": 0},
        {"min_samples": 10, "max_samples": 9},
        {"max_seconds": -1.0},
        {"relative_ci": float("nan")},
        {"warmup_seconds": -0.1},
        {"max_warmup_seconds": -0.1},
    ],
)
def test_unusable_stop_rules_are_refused(rule):
    with pytest.raises(ValueError, match="a stop rule needs"):
        StopRule(**rule)


def test_on_the_real_cpu():
    rule = StopRule(min_samples=10, max_samples=20, warmup_seconds=0.001)
    sampled = sample({"a": [lambda: sum(range(1000))], "b": [lambda: None]}, CpuClock(), rule, seed=0)
    assert 10 <= count(sampled) <= 20
    assert sampled["a"].median_s > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_real_gpu():
    sources = [torch.randn(2**22, device="cuda:0") for _ in range(2)]
    bound = [lambda source=source: torch.nn.functional.elu(source) for source in sources]
    sampled = sample({"a": bound, "twin": bound}, CudaClock("cuda:0"), StopRule(max_seconds=0.5), seed=0)
    assert count(sampled) >= 30
    assert noise_floor(paired_ratio(sampled["a"].samples_s, sampled["twin"].samples_s)) < 0.25
