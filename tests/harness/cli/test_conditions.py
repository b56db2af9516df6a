"""Every verb through everything that a user can do to it: one sentence and an exit code, and never a traceback."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.harness.cli.interrupted import ENDED
from tests.harness.cli.limits import as_any_user, on_a_full_disk, without_output
from tests.harness.cli.outputs import FULL, MARK, UNREAD
from tests.harness.cli.verbs import NAMES, VERBS, Place, filled
from tests.harness.command import TINY, environment, process


def test_every_verb_is_walked_through_the_conditions():
    assert set(VERBS) == set(NAMES)
    # What a verb makes, reads or loads is named by its options; only this one has none.
    assert [name for name, verb in VERBS.items() if not verb.places] == ["doctor"]


def begin(words, before=as_any_user, **options):
    return process(["-m", "harness", *words], env=environment() | {"COLUMNS": "80"}, preexec_fn=before, **options)


def assert_said(code: int, err: str, codes: tuple[int, ...] = (1, 2)) -> None:
    assert code in codes and "Traceback" not in err, (code, err)
    assert code == 0 or err.strip().splitlines()[-1].startswith("elubench: "), err


def written(path, content, mode=0o644):
    path.write_bytes(content)
    path.chmod(mode)
    return path


def bad_runs(folder, run):
    """Directories and files that are no run, each wrong in its own way."""

    def copied(name):
        return shutil.copytree(run, folder / name)

    for name, content in (("garbage", b"\xff\xfe{"), ("list", b"[]"), ("empty", b"")):
        written(copied(name) / "manifest.json", content)
        yield folder / name
    written(copied("records") / "records.jsonl", b'{"schema": 2}\n\xff\n')
    yield folder / "records"
    for inner in ("manifest.json", "records.jsonl"):
        (copied(f"folder {inner}".replace(" ", "-")) / inner).unlink()
        (folder / f"folder-{inner}" / inner).mkdir()
        yield folder / f"folder-{inner}"
        (copied(f"unreadable-{inner}") / inner).chmod(0)
        yield folder / f"unreadable-{inner}"
    yield written(folder / "file", b"no run")
    yield folder / "nowhere"
    yield folder / ("x" * 300)


def bad_providers(folder, run):
    yield from (folder / "nowhere.py", folder, "nowhere")
    (folder / "folder.py").mkdir()
    yield folder / "folder.py"
    yield written(folder / "unreadable.py", b"def elu(x, alpha, scale, input_scale, out): ...", mode=0)
    yield written(folder / "exits.py", b"import sys\nsys.exit(3)\n")
    yield written(folder / "leaves.py", b"import os\nos._exit(0)\n")
    yield written(folder / "latin.py", b"# \xff\ndef elu(:")
    yield written(folder / "raises.py", b"import nowhere\n")
    yield written(folder / "interrupts.py", b"raise KeyboardInterrupt\n")


def bad_sweeps(folder, run):
    yield from (folder / "nowhere.toml", folder, "nowhere")
    (folder / "folder.toml").mkdir()
    yield folder / "folder.toml"
    yield written(folder / "unreadable.toml", TINY.encode(), mode=0)
    yield written(folder / "latin.toml", b"# \xff")
    yield written(folder / "torn.toml", TINY.encode()[:-20])
    yield written(folder / "infinite.toml", TINY.encode() + b"params = [{alpha = inf}]\n")
    yield written(folder / "endless.toml", TINY.replace("max_seconds = 0.05", "max_seconds = nan").encode())


def bad_folders(folder, run):
    yield written(folder / "file", b"a file")
    yield folder / "file" / "within"
    yield "/proc/nowhere"
    yield folder / ("x" * 300)
    (folder / "read-only").mkdir()
    (folder / "read-only").chmod(0o555)
    yield folder / "read-only" / "new"


def bad_files(folder, run):
    for name in ("folder.py", "folder.svg"):
        (folder / name).mkdir()
    yield folder / "folder"
    yield folder / "nowhere" / "new"
    yield folder / ("x" * 300)
    yield "/proc/new"
    (folder / "read-only").mkdir()
    (folder / "read-only").chmod(0o555)
    yield folder / "read-only" / "new"
    for name in ("full.py", "full.svg"):
        (folder / name).symlink_to("/dev/full")
    yield folder / "full"


BAD = {
    Place.run: bad_runs,
    Place.provider: bad_providers,
    Place.sweep: bad_sweeps,
    Place.folder: bad_folders,
    Place.file: bad_files,
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in NAMES for kind in VERBS[name].places])
def test_a_place_that_cannot_be_used_is_named(name, kind, places, tmp_path):
    folder = tmp_path / "places"
    folder.mkdir()
    for place in BAD[kind](folder, places["run"]):
        for words in VERBS[name].places[kind]:
            begun = begin(filled(name, words, **places, new=tmp_path / "new", place=place))
            _, err = begun.communicate(timeout=200)
            assert_said(begun.returncode, err, codes=(1, 2, 130))
            if kind is Place.run:
                assert len(err.strip().splitlines()) == 1, err
            if name == "run" and kind is Place.provider:  # what fails there is recorded; else no run is begun
                shutil.rmtree(tmp_path / "new", ignore_errors=True)
            assert not (tmp_path / "new").exists(), err


@pytest.mark.slow
@pytest.mark.parametrize("place", ["report is a file", "report cannot be written", "seal is garbage"])
def test_what_is_wrong_within_a_run_is_said_by_every_verb_that_reads_it(place, places):
    run = places["run"]
    if place == "report is a file":
        (run / "report").write_text("a file where the directory should be")
    elif place == "report cannot be written":
        (run / "report").mkdir()
        (run / "report").chmod(0o555)
    else:
        (run / "seal.json").write_bytes(b"no seal")
    for name in NAMES:
        for words in VERBS[name].places.get(Place.run, ()):
            begun = begin(filled(name, words, **places, place=run))
            _, err = begun.communicate(timeout=200)
            assert_said(begun.returncode, err, codes=(0, 1, 2))
            assert begun.returncode or (name, place[:6]) != ("report", "report"), err


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_takes_nothing_is_said(name, places, tmp_path):
    begun = begin(filled(name, VERBS[name].good, **places, new=tmp_path / "new"), before=on_a_full_disk)
    _, err = begun.communicate(timeout=200)
    assert_said(begun.returncode, err, codes=(0, 1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "--help"])
def test_standard_output_may_be_full_closed_ascii_or_a_pipe_that_ends(name, places, tmp_path, long_runs):
    """And however it ends, a verb leaves nothing where temporary files go."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    verb = VERBS.get(name, VERBS["doctor"])
    if verb.again:
        places[name] = long_runs.of(name)

    def ended(number, module="harness", **options):
        words = filled(name, verb.again or verb.good, **places, new=tmp_path / f"new{number}")
        begun = process(["-m", module, *words], env=environment() | {"TMPDIR": str(temporary)}, **options)
        out, err = begun.communicate(timeout=200)
        assert list(temporary.iterdir()) == []
        return subprocess.CompletedProcess(words, begun.returncode, out, err)

    found = ended(1, module="tests.harness.cli.outputs")
    kinds = {}
    for tried in found.stderr.split(MARK)[1:]:
        said, _, rest = tried.partition(ENDED)
        kind, _, said = said.strip().partition("\n")
        code, _, after = rest.strip().partition("\n")
        kinds[kind] = (int(code), said)
    code, err = kinds.pop(FULL)
    assert_said(code, err, codes=(1,))
    assert err.strip().splitlines()[-1].startswith("elubench: the output cannot be written (No space left")
    code, err = kinds.pop(UNREAD)
    assert code == 141, err
    assert "Traceback" not in err and "Broken pipe" not in err
    assert not kinds and found.stdout.isascii() and found.stdout
    assert_said(found.returncode, after, codes=(0,))
    found = ended(2, preexec_fn=without_output, stdout=None)
    assert_said(found.returncode, found.stderr, codes=(0,))
