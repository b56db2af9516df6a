"""The job of one case on a scripted GPU: every regime, with records as those of a real one, and no GPU.

Tensors are on the CPU, where the work of a kernel is done when the scripted device comes to it; all times, clocks and
energies are the script's.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch

from harness.correctness import integrity
from harness.device import health
from harness.ops import buffers
from harness.ops.cases import make_case
from harness.run import measuring
from harness.run.job import Job
from harness.run.measuring import run_job
from harness.run.recording import CONTROL
from harness.store.vocabulary import Flush
from harness.sweeps.stop_rule import StopRule
from harness.timing import clocks, roofs
from harness.timing.regimes import CaptureFailed, cold
from tests.harness.scripted_device import ScriptedCuda
from tests.harness.scripted_nvml import ScriptedNvml

CASE = make_case("elu", (64, 64), "float32")
KERNEL_S = 30e-6  # so that graphs of 5 ms are small
RULE = StopRule(min_samples=12, max_samples=12, warmup_seconds=0.0)
PROVIDER = """
import torch

def elu(x, alpha, scale, input_scale, out):
    work = lambda: torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
    {before}
    torch.cuda.launch(__name__, {{f"{{x.data_ptr()}}.x": x.nbytes, f"{{out.data_ptr()}}.out": out.nbytes}}, work)
"""


def scripted(**how):
    return ScriptedCuda(l2_bytes=2**17, kernel_s=KERNEL_S, **how)


class TorchCuda:
    """In place of torch.cuda: the scripted GPU, and the real module for what that has not."""

    def __init__(self, cuda, real):
        self.set_device = lambda device: None
        self._cuda, self._real = cuda, real

    def __getattr__(self, name):
        return getattr(self._cuda if hasattr(self._cuda, name) else self._real, name)


@pytest.fixture
def on_gpu(monkeypatch, tmp_path):
    """Runs a job of some providers on a scripted GPU; each is given as what it does before its launch."""

    def run(providers, cuda=None, **changes):
        cuda = cuda or scripted()
        stand_in = TorchCuda(cuda, torch.cuda)
        monkeypatch.setattr(torch, "cuda", stand_in)
        monkeypatch.setattr(clocks, "_torch_cuda", lambda: stand_in)
        monkeypatch.setattr(cold, "L2Flush", lambda device, size, kind: partial(cuda.flush, kind))
        monkeypatch.setattr(health.Nvml, "of", classmethod(lambda cls, device: ScriptedNvml.of(cuda)))
        monkeypatch.setattr(
            measuring, "allocate", lambda case, sets, device, seed: buffers.allocate(case, sets, "cpu", seed)
        )
        monkeypatch.setattr(roofs, "_stream", partial(_stream, cuda))
        specs = []
        for name, before in providers.items():
            (tmp_path / f"{name}.py").write_text(PROVIDER.format(before=before))
            specs.append(str(tmp_path / f"{name}.py"))
        monkeypatch.setattr(integrity, "_state", [])
        # Other tests in this process may have had modules watched of which parts are replaced here.
        as_they_were = {(owner, name): value for (owner, name), value in integrity._known.items()
                        if vars(owner).get(name) is value}  # fmt: skip
        monkeypatch.setattr(integrity, "_known", as_they_were)
        integrity.watch(())
        job = Job(CASE, tuple(specs), cuda.as_device(), RULE, 0, True, energy_s=0.1)
        return run_job(dataclasses.replace(job, **changes), lambda *_: None)

    yield run
    monkeypatch.undo()


def _stream(cuda, mix, name, sources, out):
    touched = {f"{each.data_ptr()}.x": each.nbytes for each in sources} | {f"{out.data_ptr()}.out": out.nbytes}
    return lambda: cuda.launch(f"roof {name}", touched)


@pytest.mark.slow
@pytest.mark.parametrize("flush", list(Flush))
def test_a_case_is_timed_in_every_regime_with_its_clocks_energy_and_flush(on_gpu, flush):
    records = on_gpu({"a": "pass", "b": "pass"}, regimes=("cold", "graph", "warm", "host"), flush=flush)
    assert {each.outcome for each in records} == {"ok"}, [each.reason for each in records]
    for regime in ("cold", "graph", "warm", "host"):
        rows = {each.entry: each for each in records if each.regime == regime}
        assert {"a", "b", CONTROL} <= set(rows)
        assert bool([name for name in rows if name.startswith("roof")]) == (regime != "host")
        for row in rows.values():
            assert row.sm_clock.median_mhz == 2000 and row.memory_clock.median_mhz == 3000
            assert row.flush == (flush if regime == "cold" else None)
            assert "throttled" not in row.flags
        # 32 KiB at 2000 GB/s, and a kernel's own time; power is 500 W, whatever is done.
        if regime == "graph":
            assert rows["a"].median_s == pytest.approx(KERNEL_S + 2**15 / 2e12, rel=0.01)
            assert rows["a"].energy_j == pytest.approx(500 * rows["a"].median_s, rel=0.1)
        assert (rows["a"].energy_j is None) == (regime == "host")
        assert rows[CONTROL].energy_j is None


def test_a_device_at_59_percent_of_its_clock_has_throttled_rows(on_gpu):
    cuda = scripted(slowdown=lambda time_s: 1 / 0.59)
    records = on_gpu({"a": "pass"}, cuda, regimes=("cold",))
    assert all("throttled" in each.flags for each in records)
    assert records[0].health["slowed_by"] == ["an SM clock of 1180 of 2000 MHz"]


def test_who_cannot_be_captured_is_named_and_the_others_are_timed_in_a_new_process(on_gpu):
    providers = {"a": "pass", "waits": "torch.cuda.synchronize()"}
    with pytest.raises(CaptureFailed, match=r"waits cannot be captured .* when stream is capturing") as failed:
        on_gpu(providers, regimes=("graph",))
    again = on_gpu(providers, regimes=("graph",), not_captured=((failed.value.entry, failed.value.message),))
    rows = {each.provider: each for each in again if each.role == "provider"}
    assert (rows["a"].outcome, rows["a"].regime) == ("ok", "graph")
    assert (rows["waits"].outcome, rows["waits"].regime) == ("unsupported", "graph")


def test_an_error_of_a_kernel_ends_the_process_and_is_no_record_of_the_others(on_gpu):
    with pytest.raises(RuntimeError, match="CUDA error: an illegal memory access"):
        on_gpu({"a": "pass", "poisons": "torch.cuda.faulty()()"}, regimes=("cold",))


@pytest.mark.slow
def test_memory_that_runs_out_in_a_provider_is_its_outcome_alone(on_gpu):
    records = on_gpu({"a": "pass", "greedy": "torch.cuda.allocate(2**40)"}, regimes=("cold",))
    outcomes = {each.provider: each.outcome for each in records if each.role == "provider"}
    assert outcomes == {"a": "ok", "greedy": "oom"}
