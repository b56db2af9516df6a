"""No verb leaves anything where temporary files go, however it ends."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.harness.cli.verbs import NAMES, VERBS, filled
from tests.harness.command import start

INDUCTOR = "inductor --op elu --dtype bf16 --device cpu"  # its kernels are generated sources, one module each
WORDS = {name: (name, VERBS[name].good) for name in NAMES} | {"check inductor": ("check", INDUCTOR)}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_the_folder_for_temporary_files_is_empty_again(name, places, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # What torch.compile compiled is kept for the next time, by PyTorch, where this says.
    variables = {"TMPDIR": str(temporary), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")}
    verb, words = WORDS[name]
    process = start(*filled(verb, words, **places, new=tmp_path / "new"), **variables)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [1.5, 3.0, 5.0])
@pytest.mark.parametrize("name", ["run", "check inductor", "inspect", "doctor"])
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
