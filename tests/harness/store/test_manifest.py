from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from harness.device.devices import find_device
from harness.store.manifest import (
    UNKNOWN_DEVICE,
    Manifest,
    add_session,
    make_manifest,
    read_manifest,
    same_device_and_schema,
    write_manifest,
)
from harness.store.provenance import Git, Location, git_state, kernel_sources_sha256, location, public_address
from harness.store.vocabulary import MANIFEST, SCHEMA, RunError
from harness.sweeps.sweep import load
from tests.harness.command import ROOT, environment, process

CPU = find_device("cpu")
SWEEP = load("smoke").content()
ARGV = ["elubench", "run", "--sweep", "smoke"]


@pytest.fixture(scope="module")
def made():
    return make_manifest(CPU, SWEEP, ARGV)


def test_a_manifest_says_on_what_with_what_and_from_which_sources(made):
    assert made.schema == SCHEMA
    assert made.elubench == re.search(r'version = "(.+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert made.device == CPU
    assert made.driver is None or re.match(r"[0-9]+\.", made.driver)
    versions = made.versions
    assert (versions.python, versions.torch) == (platform.python_version(), torch.__version__)
    assert versions.cuda == torch.version.cuda
    assert all(re.match(r"[0-9]+\.[0-9]+", getattr(versions, name)) for name in ("triton", "numpy"))
    assert made.git == git_state(ROOT)
    assert made.kernel_sources_sha256 == kernel_sources_sha256(ROOT / "kernels")
    assert re.fullmatch("[0-9a-f]{64}", made.kernel_sources_sha256)
    assert (made.argv, made.sweep, made.sessions) == (tuple(ARGV), SWEEP, ())
    assert made.threads == torch.get_num_threads()
    age = datetime.now(UTC) - datetime.fromisoformat(made.created)
    assert timedelta(0) <= age < timedelta(hours=1)


def test_a_manifest_is_plain_json_and_is_read_back_as_it_was(tmp_path, made):
    write_manifest(tmp_path / MANIFEST, made)
    text = (tmp_path / MANIFEST).read_text()
    assert text.endswith("}\n")

    def refuse(constant):
        pytest.fail(f"{constant} is not JSON")

    json.loads(text, parse_constant=refuse)
    # A sweep holds tuples, and JSON has lists for them.
    assert read_manifest(tmp_path) == dataclasses.replace(made, sweep=json.loads(json.dumps(made.sweep)))


def test_settings_that_change_a_measurement_are_kept_and_nothing_else_of_the_environment(monkeypatch):
    settings = {
        "TRITON_PRINT_AUTOTUNING": "0",
        "OMP_NUM_THREADS": "3",
        "OMP_PROC_BIND": "close",
        "GOMP_CPU_AFFINITY": "0-2",
        "KMP_AFFINITY": "compact",
        "MKL_NUM_THREADS": "4",
        "PYTORCH_CUDA_ALLOC_CONF": "backend:native",
        "TORCHINDUCTOR_MAX_AUTOTUNE": "0",
        "CUDA_VISIBLE_DEVICES": "0,1",
    }
    secrets = [
        "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "DATABASE_PASSWORD", "HOME", "USER", "PATH", "SSH_AUTH_SOCK",
        "MY_TRITON_NAME", "CUDA_VISIBLE_DEVICES_TOKEN", "TRITON_CACHE_TOKEN", "TORCH_HUB_PASSWORD",
        "TORCHINDUCTOR_REDIS_URL", "PYTORCH_API_KEY",
    ]  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in secrets:
        monkeypatch.setenv(name, f"hunter2-{name}")
    made = make_manifest(CPU, SWEEP, ARGV)
    assert settings.items() <= made.environment.items()
    assert "hunter2" not in json.dumps(dataclasses.asdict(made))


@pytest.mark.slow
def test_the_threads_are_those_that_torch_uses():
    script = (
        "import json, harness.store.manifest as m; from harness.device.devices import find_device\n"
        "made = m.make_manifest(find_device('cpu'), {}, [])\n"
        "print(json.dumps([made.threads, made.environment['OMP_NUM_THREADS']]))"
    )
    with process(["-c", script], env=environment() | {"OMP_NUM_THREADS": "1"}) as begun:
        out, err = begun.communicate()
    assert json.loads(out) == [1, "1"], err


# git


def git(where: Path, *arguments: str) -> str:
    command = ["git", "-C", str(where), "-c", "user.name=A", "-c", "user.email=a@b", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=clean).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A repository with a commit that looks like this project's."""
    root = tmp_path / "checkout"
    (root / "harness").mkdir(parents=True)
    (root / "harness" / "manifest.py").write_text("x = 1\n")
    (root / "README.md").write_text("# elubench\n")
    (root / ".gitignore").write_text(".venv/\nruns/\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "all")
    return root


def test_a_clean_checkout_is_known_by_its_commit(checkout):
    assert git_state(checkout) == Git(git(checkout, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize(
    ("name", "dirty"),
    [
        ("harness/manifest.py", True),
        ("kernels/new.py", False),  # nothing that is tracked imports it
        ("mine.py", False),
        ("harness/sweeps/mine.toml", False),
        ("README.md", False),  # tracked, and no source
        ("notes.txt", False),
        ("results/a-gpu/records.jsonl", False),
        ("runs/kernel.py", False),  # ignored
    ],
)
def test_what_makes_a_checkout_dirty(checkout, name, dirty):
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("y = 2\n")
    assert git_state(checkout).dirty is dirty


def test_a_staged_change_and_a_deleted_file_are_changes_too(checkout):
    (checkout / "harness" / "manifest.py").write_text("y = 2\n")
    git(checkout, "add", ".")
    assert git_state(checkout).dirty is True
    git(checkout, "commit", "--quiet", "--message", "more")
    assert git_state(checkout) == Git(git(checkout, "rev-parse", "HEAD"), dirty=False)
    (checkout / "harness" / "manifest.py").unlink()
    assert git_state(checkout).dirty is True


def test_where_there_is_no_commit_of_ours_there_is_no_state(tmp_path, checkout):
    assert git_state(tmp_path) is None
    assert git_state(tmp_path / "nowhere") is None
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    assert git_state(tmp_path / "empty") is None, "nothing is committed yet"
    installed = checkout / ".venv" / "lib" / "site-packages"
    (installed / "harness").mkdir(parents=True)
    (installed / "harness" / "manifest.py").write_text("x = 1\n")
    assert git_state(installed) is None, "an environment inside somebody's checkout is not that checkout"


def test_the_state_is_none_without_git(monkeypatch, checkout, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(checkout) is None


def test_inside_a_hook_of_another_repository_the_state_is_still_ours(monkeypatch, checkout, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    git(other, "commit", "--quiet", "--allow-empty", "--message", "none")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert git_state(checkout) == Git(git(checkout, "rev-parse", "HEAD"), dirty=False)


# The hash of the kernels


def copy_kernels(to: Path) -> Path:
    return Path(shutil.copytree(ROOT / "kernels", to, ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def kernels(tmp_path):
    return copy_kernels(tmp_path / "kernels")


def test_the_hash_does_not_depend_on_the_place_or_on_what_is_no_source(kernels):
    before = kernel_sources_sha256(ROOT / "kernels")
    assert kernel_sources_sha256(kernels) == before
    (kernels / "notes.txt").write_text("x")
    (kernels / "__pycache__").mkdir()
    (kernels / "__pycache__" / "formulas.cpython-310.pyc").write_bytes(b"x")
    os.utime(kernels / "formulas.py", (0, 0))
    assert kernel_sources_sha256(kernels) == before


def test_the_hash_covers_every_source_of_the_kernels(kernels):
    before = kernel_sources_sha256(kernels)
    sources = sorted(kernels.rglob("*.py"))
    assert {"kernels", "ops", "autograd"} <= {path.parent.name for path in sources}
    for path in sources:
        text = path.read_text()
        path.write_text(text + " ")
        assert kernel_sources_sha256(kernels) != before, path
        path.write_text(text)
    assert kernel_sources_sha256(kernels) == before


def test_any_change_of_a_kernel_source_changes_the_hash(kernels):
    def changed_by(change):
        change()
        changed = kernel_sources_sha256(kernels)
        shutil.rmtree(kernels)
        copy_kernels(kernels)
        return changed

    formulas = kernels / "formulas.py"
    names = sorted(path.name for path in kernels.glob("*.py"))
    hashes = [
        changed_by(lambda: None),
        changed_by(lambda: formulas.write_text(formulas.read_text() + " ")),
        changed_by(lambda: formulas.write_text(formulas.read_text().replace("exp", "exq", 1))),
        changed_by(lambda: formulas.rename(kernels / "formulae.py")),
        changed_by(lambda: (kernels / "more.py").write_text("")),
        changed_by(formulas.unlink),
        changed_by(lambda: _swap(kernels / names[0], kernels / names[1])),
    ]
    assert len(set(hashes)) == len(hashes)


def _swap(a: Path, b: Path) -> None:
    texts = a.read_text(), b.read_text()
    b.write_text(texts[0])
    a.write_text(texts[1])


def test_text_that_moves_from_one_source_to_the_next_changes_the_hash(tmp_path):
    def hashed(**sources):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, text in sources.items():
            (folder / f"{name}.py").write_text(text)
        return kernel_sources_sha256(folder)

    assert len({hashed(a="xy", b=""), hashed(a="x", b="y"), hashed(a="", b="xy")}) == 3
    assert hashed(a="1", b="2") not in (hashed(a="1b.py2"), hashed(a="1b.py\x002"))


# Writing


def test_a_manifest_that_cannot_be_written_leaves_the_old_one(tmp_path):
    """The file-size limit of a real process stands for a disk that fills in the middle of the file."""
    path = tmp_path / MANIFEST
    write_manifest(path, Manifest(SCHEMA, driver="old"))
    before = path.read_bytes()
    script = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path; from harness.store.manifest import Manifest, write_manifest\n"
        f"write_manifest(Path({str(path)!r}), Manifest({SCHEMA}, driver='new' * 10_000))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert ended.returncode != 0
    assert "File too large" in ended.stderr
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path], "nothing half-written is left"


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), object()])
def test_what_json_does_not_have_is_refused_and_the_old_manifest_stays(tmp_path, odd):
    path = tmp_path / MANIFEST
    write_manifest(path, Manifest(SCHEMA))
    before = path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        write_manifest(path, Manifest(SCHEMA, health={"odd": odd}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_reader_never_sees_half_a_manifest(tmp_path):
    """Another process rewrites the file as fast as it can while this one reads it."""
    path = tmp_path / MANIFEST
    write_manifest(path, Manifest(SCHEMA))
    script = (
        "from pathlib import Path; from harness.store.manifest import Manifest, write_manifest\n"
        "for n in range(60):\n"
        f"    write_manifest(Path({str(path)!r}), Manifest({SCHEMA}, argv=('x',) * (n * 997 % 20_000)))\n"
    )
    with process(["-c", script]) as writer:
        seen = set()
        while writer.poll() is None:
            seen.add(len(read_manifest(tmp_path).argv))
    assert writer.returncode == 0
    assert len(seen) > 1


def test_sessions_are_added_in_order_and_nothing_else_changes(tmp_path, made):
    write_manifest(tmp_path / MANIFEST, made)
    before = read_manifest(tmp_path)
    add_session(tmp_path, ["elubench", "run", "--resume", "a"], "resume")
    add_session(tmp_path, ["elubench", "run", "--resume", "b"])
    after = read_manifest(tmp_path)
    first, second = after.sessions
    assert (first.argv[-1], first.note) == ("a", "resume")
    assert second.argv[-1] == "b" and second.note is None
    assert before.created <= first.started <= second.started
    assert dataclasses.replace(after, sessions=()) == before
    with pytest.raises(RunError, match="holds no manifest"):
        add_session(tmp_path / "nowhere", ARGV)


# Going on with a run


def test_a_run_goes_on_where_it_was_made(made):
    same_device_and_schema(made, CPU)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": SCHEMA - 1}, f"schema {SCHEMA - 1} and this elubench writes {SCHEMA}"),
        ({"device": dataclasses.replace(CPU, kind="cuda", name="NVIDIA L4")}, "made on NVIDIA L4 .cuda. and this"),
        ({"device": dataclasses.replace(CPU, name="an abacus")}, "made on an abacus .cpu. and this device is"),
        ({"device": dataclasses.replace(CPU, kind="cuda")}, "go on with it there"),
        ({"device": UNKNOWN_DEVICE}, "go on with it there"),
        ({"kernel_sources_sha256": "0" * 64}, "other kernel sources"),
        ({"kernel_sources_sha256": None}, "other kernel sources"),
    ],
)
def test_a_run_that_would_not_be_comparable_is_refused_in_one_sentence_with_the_mend(made, change, named):
    with pytest.raises(RunError, match=named) as caught:
        same_device_and_schema(dataclasses.replace(made, **change), CPU)
    assert "\n" not in str(caught.value)
    assert "start a new run with --out" in str(caught.value)


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/me/elubench.git", "https://example.org/me/elubench"),
        ("https://me:password@example.org/me/elubench/", "https://example.org/me/elubench"),
        ("git://example.org/elubench", "https://example.org/elubench"),
        ("git@example.org:me/elubench.git", "https://example.org/me/elubench"),
        ("ssh://git@example.org/me/elubench.git", "https://example.org/me/elubench"),
        ("https://build-7/me/elubench", None),
        ("https://10.0.0.7/me/elubench", None),
        ("https://git.firm.internal/me/elubench", None),
        ("me@example.org:elubench", None),
        ("/home/me/elubench", None),
        ("../elubench", None),
        ("", None),
    ],
)
def test_a_public_address_has_a_public_host_and_no_password(remote, address):
    assert public_address(remote) == address


def test_a_run_has_a_location_once_it_is_committed_where_others_can_read(checkout):
    run = checkout / "results" / "device" / "default"
    run.mkdir(parents=True)
    (run / "records.jsonl").touch()
    git(checkout, "remote", "add", "origin", "https://example.org/me/elubench.git")
    assert location(run) is None
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "a run")
    assert location(run) == Location("https://example.org/me/elubench", "results/device/default")
    git(checkout, "remote", "set-url", "origin", str(checkout))
    assert location(run) is None
