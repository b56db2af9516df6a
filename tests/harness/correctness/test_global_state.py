"""What code can set for the whole process is read, told and put back."""

from __future__ import annotations

import signal

import pytest
import torch

from harness.correctness.global_state import SETTINGS, GlobalState


@pytest.fixture(autouse=True)
def as_before():
    state = GlobalState()
    yield
    state.put_back()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("torch's number of threads", lambda: torch.set_num_threads(torch.get_num_threads() + 1)),
        ("torch's default dtype", lambda: torch.set_default_dtype(torch.float64)),
        ("torch's default device", lambda: torch.set_default_device("meta")),
        ("torch's grad mode", lambda: torch.set_grad_enabled(False)),
        ("torch's deterministic algorithms", lambda: torch.use_deterministic_algorithms(True)),
        ("torch's precision of fp32 products", lambda: torch.set_float32_matmul_precision("medium")),
        ("torch's seed", lambda: torch.manual_seed(12345)),
        ("the processor's flush of subnormal numbers", lambda: torch.set_flush_denormal(True)),
        ("the handler of SIGTERM", lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)),
    ],
)
def test_each_change_is_named_and_put_back(name, change):
    state = GlobalState()
    before = [setting.read() for setting in SETTINGS]
    change()
    assert state.put_back() == [name]
    assert [setting.read() for setting in SETTINGS] == before
    assert state.put_back() == []
    assert torch.empty(1).device.type == "cpu"
