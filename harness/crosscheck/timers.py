"""The timers of other libraries. Each takes a call and about how long to time it, and returns the median in seconds,
or the mean if the library gives no median.

One that cannot be used here raises Missing with the reason. All are imported where they are used.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from harness.plumbing.errors import named
from harness.timing.estimators import median

Call = Callable[[], object]


class Missing(Exception):
    """A timer that cannot be used here; the message says why."""


@contextlib.contextmanager
def _needing(package: str) -> Iterator[None]:
    """What goes wrong inside of another's timer is a reason, and no end of the others."""
    try:
        yield
    except ImportError as error:
        raise Missing(f"{package} is not installed ({error})") from None
    except Exception as error:
        raise Missing(f"{package} failed: {named(error)}") from error


def torch_calls(call: Call, seconds: float) -> float:
    """`torch.utils.benchmark`, one call at a time as we do: the median."""
    with _needing("torch.utils.benchmark"):
        timer, until_s = _torch_timer(call), perf_counter() + seconds
        times: list[float] = []
        while len(times) < 10 or perf_counter() < until_s:
            times.append(timer.timeit(1).median)
        return median(times)


def torch_blocks(call: Call, seconds: float) -> float:
    """`torch.utils.benchmark` as it is mostly used: the median over blocks of calls, each block a mean."""
    with _needing("torch.utils.benchmark"):
        return float(_torch_timer(call).blocked_autorange(min_run_time=seconds).median)


def _torch_timer(call: Call) -> Any:
    import torch
    from torch.utils.benchmark import Timer

    # Its own default is one thread.
    return Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())


def pytest_benchmark(call: Call, seconds: float) -> float:
    """pytest-benchmark's `benchmark` fixture, in a run of pytest inside of this process: the median of its rounds."""
    with _needing("pytest-benchmark"), tempfile.TemporaryDirectory() as folder:
        import pytest
        import pytest_benchmark  # noqa: F401 - so that its absence is said by name

        class Plugin:
            median_s = float("nan")

            @pytest.fixture
            def call(self) -> Call:
                return call

            @pytest.fixture
            def found(self) -> Plugin:
                return self

        test = Path(folder) / "test_call.py"
        test.write_text(
            "def test_call(benchmark, call, found):\n"
            "    benchmark(call)\n"
            "    found.median_s = benchmark.stats.stats.median\n",
            encoding="utf-8",
        )
        plugin = Plugin()
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--import-mode=importlib"]
        options += ["--benchmark-disable-gc", "--benchmark-warmup=off", f"--rootdir={folder}", f"--confcutdir={folder}"]
        options += [f"--benchmark-max-time={seconds}", f"--benchmark-min-time={seconds / 1000}"]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = pytest.main([*options, str(test)], plugins=[plugin])
        if code != 0:
            raise RuntimeError(f"pytest ended with {code!r}: {said.getvalue().strip()[-200:]}")
        return plugin.median_s


def do_bench(call: Call, seconds: float) -> float:
    """`triton.testing.do_bench`: the median of events around calls, after zeros were written over the L2."""
    with _needing("triton.testing"):
        from triton.testing import do_bench

        return float(do_bench(call, rep=max(20, int(seconds * 1e3)), return_mode="median")) * 1e-3


def proton(call: Call, seconds: float) -> float:
    """Proton, Triton's profiler: the mean time of the call's kernels as CUPTI saw them, a cold L2 before each."""
    with _needing("triton.profiler"), tempfile.TemporaryDirectory() as folder:
        import torch
        import triton.profiler as profiler

        # The session's flush is as large as do_bench's.
        flush = torch.empty(2**26, dtype=torch.int32, device="cuda").random_()
        calls = max(10, int(seconds * 500))
        session = profiler.start(str(Path(folder) / "calls"), context="shadow")
        for _ in range(calls):
            flush.add_(1)
            with profiler.scope("elubench"):
                call()
        torch.cuda.synchronize()
        profiler.finalize(session)
        (file,) = Path(folder).glob("calls*.hatchet")
        time_ns = sum(_times_below(json.loads(file.read_text(encoding="utf-8")), "elubench", inside=False))
        if not time_ns:
            raise RuntimeError("the profile holds no kernel of the call")
        return time_ns * 1e-9 / calls


def _times_below(node: Any, scope: str, inside: bool) -> Iterator[float]:
    """The times of all kernels below frames of that name, in a Hatchet tree of `frame`, `metrics`, `children`."""
    if isinstance(node, list):
        for each in node:
            yield from _times_below(each, scope, inside)
    elif isinstance(node, dict):
        inside = inside or node.get("frame", {}).get("name") == scope
        children = node.get("children", [])
        if inside and not children:
            yield float(node.get("metrics", {}).get("time (ns)", 0.0))
        yield from _times_below(children, scope, inside)


def nvbench(call: Call, seconds: float) -> float:
    """NVIDIA's nvbench through `cuda-bench`: cold measurements; their median, or mean where it keeps no samples."""
    with _needing("cuda-bench"), tempfile.TemporaryDirectory() as folder:
        import cuda.bench as bench
        import torch
        from cuda.bench.results import BenchmarkResult

        # Benchmarks are registered once and for all, so each call gets a name, and only the last is run.
        name = f"elubench_{next(_numbers)}"

        def measure(state: Any) -> None:
            stream = torch.cuda.ExternalStream(state.get_stream().addressof())

            def launch(_: Any) -> None:
                with torch.cuda.stream(stream):
                    call()

            state.exec(launch, batched=False)

        bench.register(measure).set_name(name)
        file = Path(folder) / "result.json"
        bench.run_all_benchmarks(["elubench", "--benchmark", name, "--jsonbin", str(file), "--timeout", "5"])
        (state,) = BenchmarkResult.from_json(file).subbenches[name].states
        if state.is_skipped:
            raise RuntimeError(f"it was skipped: {state.skip_reason}")
        if state.samples:
            return median(list(state.samples))
        return float(state.summaries["nv/cold/time/gpu/mean"].value)


_numbers = itertools.count()

Timers = Mapping[str, Callable[[Call, float], float]]

CPU: Timers = {
    "torch.utils.benchmark": torch_calls,
    "the same, in blocks": torch_blocks,
    "pytest-benchmark": pytest_benchmark,
}
CUDA: Timers = {"triton.testing.do_bench": do_bench, "cuda-bench (nvbench)": nvbench, "Proton (CUPTI)": proton}
