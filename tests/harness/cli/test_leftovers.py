"""No verb leaves anything where temporary files go, however it ends: test_conditions.py sees to that, too."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.harness.cli.verbs import NAMES, VERBS, filled
from tests.harness.command import start

INDUCTOR = "inductor --op elu --dtype bf16 --device cpu"  # its kernels are generated sources, one module each
RUN = "--shape 8x8 --dtype fp32 --device cpu --provider eager --out {new}"  # some seconds of samples
WORDS = {
    "run": ("run", RUN), "check inductor": ("check", INDUCTOR), "inspect": ("inspect", VERBS["inspect"].good),
    "doctor": ("doctor", VERBS["doctor"].good),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if VERBS[name].again])
def test_the_folder_for_temporary_files_is_empty_after_a_long_run(name, long_runs):
    assert list(long_runs.temporary(name).iterdir()) == []


@pytest.mark.slow
def test_it_is_empty_after_kernels_were_generated(places, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # What torch.compile compiled is kept for the next time, by PyTorch, where this says.
    variables = {"TMPDIR": str(temporary), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")}
    process = start(*filled("check", INDUCTOR, **places), **variables)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.4, 1.0, 2.0])
@pytest.mark.parametrize("name", WORDS)
def test_so_it_is_after_ctrl_c(name, delay_s, places, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"TMPDIR": str(temporary), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")}
    verb, words = WORDS[name]
    process = start(*filled(verb, words, **places, new=tmp_path / "new"), **variables)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=200)
    assert list(temporary.iterdir()) == []
