"""`make evidence`: what a published folder needs, in commands of minutes; each goes on where the last one ended.

First the default sweep into `results/DEVICE/`, to be committed unedited, and the pages that are made of it. Then the
tests of the GPU, one process a file, whose failures take nothing from what was measured. `results/DEVICE/evidence.txt`
says what is done and what is missing.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from harness.cli.entry import answering
from harness.cli.gpu_tests import EndedTests, GpuTests
from harness.store.vocabulary import MANIFEST, Role, RunError

LIMIT_S = 510.0  # of one command, with what is left of 9 minutes to spare
_AFTER_SWEEP_S = 90.0  # for its last case, the counts of machine code and the report
_PAGES_S = 60.0
_LEAST_S = 30.0  # for tests: less is not worth starting


def main() -> NoReturn:
    """Do what is missing, as far as the time goes. Exits as `elubench run` does, and with 1 where a test failed."""
    arguments = _arguments()
    until_s = time.monotonic() + arguments.limit
    from harness.device.devices import find_device
    from harness.store.lines import write_whole

    device = find_device()
    folder = arguments.results / slug(device.name)
    run = folder / slug(Path(arguments.sweep).name.removesuffix(".toml"))
    _check_kernels(run)
    if not _is_whole(run):
        budget_s = min(arguments.budget, max(0.0, arguments.limit - _AFTER_SWEEP_S))
        ended = _measure(run, arguments.sweep, budget_s)
        if ended != 0:
            sys.exit(ended)
    pages = _make_pages(until_s) if arguments.pages else None
    tests = GpuTests(folder / "tests.jsonl") if device.kind == "cuda" else None
    if tests is not None and _is_whole(run):
        tests.run(until_s, _LEAST_S)
    tally = tests.tally() if tests is not None else None
    text = said(device.name, run, pages, tally)
    write_whole(folder / "evidence.txt", text)
    print(text, end="")
    sys.exit(1 if tally is not None and tally.failed else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", default="default", help="a sweep's name, or a TOML file")
    parser.add_argument("--budget", type=float, default=LIMIT_S, help="seconds after which no case is started")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds that this command may take")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--pages", action="store_true", help="make the generated pages, too")
    return parser.parse_args()


def _measure(run: Path, sweep: str, budget_s: float) -> int:
    """`elubench run`, new or gone on with; its exit code."""
    how = ["--resume", str(run)] if (run / MANIFEST).exists() else ["--sweep", sweep, "--out", str(run)]
    # Ctrl-C reaches that process as well, which answers it; this one waits for what it says.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        command = [sys.executable, "-m", "harness", "run", *how, "--budget", str(budget_s)]
        return subprocess.Popen(command).wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _make_pages(until_s: float) -> str:
    """Make the generated pages; how that went, in a word or two."""
    try:
        timeout_s = max(1.0, min(_PAGES_S, until_s - time.monotonic()))
        ended = subprocess.run([sys.executable, "-m", "reports.publish.docs"], timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return "missing (no time was left)"
    return "done" if ended.returncode == 0 else f"missing (exit code {ended.returncode})"


def _progress(run: Path) -> tuple[int, int]:
    """How many cases of a run have a record of every provider, and of how many."""
    from harness.providers import name_of
    from harness.store.records import read_run

    if not (run / MANIFEST).exists():
        return 0, 1
    found = read_run(run, samples=False)
    there = {(each.case_key, each.provider) for each in found.records if each.role == Role.PROVIDER}
    names = [name_of(spec) for spec in found.manifest.sweep.get("providers", ())]
    from harness.sweeps.sweep import from_content

    cases = from_content(found.manifest.sweep).cases
    return sum(all((case.key, name) in there for name in names) for case in cases), len(cases)


def _is_whole(run: Path) -> bool:
    done, cases = _progress(run)
    return done == cases


def said(device: str, run: Path, pages: str | None, tests: EndedTests | None) -> str:
    """What is done and what is missing, a line each."""
    done, cases = _progress(run)
    lines = [f"evidence of {device}", f"{'done' if done == cases else 'missing'}: {run}: {done} of {cases} cases"]
    lines += [f"generated pages: {pages}"] if pages else []
    if tests is None:
        lines.append("tests of the GPU: none, as there is no GPU")
    elif not tests.known:
        lines.append("missing: tests of the GPU, which follow when the sweep is whole")
    else:
        state = "missing" if tests.left else "done"
        lines.append(
            f"{state}: tests of the GPU: {tests.ended} of {tests.known} have ended, {len(tests.failed)} failed"
        )
        lines += [f"  failed: {name}" for name in tests.failed]
    is_done = done == cases and (tests is None or (tests.known and not tests.left))
    lines.append("nothing is missing" if is_done else "to go on: make evidence")
    return "\n".join(lines) + "\n"


def _check_kernels(run: Path) -> None:
    """Raise RunError where there is a run of other kernels: published, it is not to be written into."""
    from harness.store.manifest import read_manifest
    from harness.store.provenance import kernel_sources_sha256

    if (run / MANIFEST).exists() and read_manifest(run).kernel_sources_sha256 != kernel_sources_sha256():
        raise RunError(
            f"{run} was made with other kernel sources than those in kernels/ now; keep it under another name "
            f"(mv {run} {run}-before) or remove it, and run this again"
        )


def slug(name: str) -> str:
    """A name as a folder's: "NVIDIA H100 80GB HBM3" becomes "nvidia-h100-80gb-hbm3"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


if __name__ == "__main__":
    answering(main)
