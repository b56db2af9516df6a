"""What the live view costs the measurement, measured: `python -m tests.harness.live_cost [ROUNDS]`, on an idle machine.

In every round, in random order, the same small sweep is run with the view in a terminal of its own, and twice without
it. The ratio of the times with the view over those without it is held against the A/A floor: the two runs without
it against each other. Prints both with their 95% intervals, and the verdict; exits with 1 where it is "slower".
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.store.records import read_run
from harness.timing.estimators import noise_floor, paired_ratio, verdict
from tests.harness.cli.test_progress import in_terminal
from tests.harness.command import TINY, environment

SWEEP = TINY.replace("max_samples = 40", "max_samples = 2000").replace("max_seconds = 0.05", "max_seconds = 0.5")
MODES = ("view", "none", "none again")


def medians(mode: str, sweep: Path, out: Path) -> dict[tuple[str, str | None], float]:
    """The median time of every case and regime of one run."""
    command = [sys.executable, "-m", "harness", "run", "--sweep", str(sweep), "--out", str(out), "--device", "cpu"]
    if mode == "view":
        in_terminal(command)
    else:
        subprocess.run(command, env=environment(), capture_output=True, check=True)
    timed = (record for record in read_run(out).records if record.role == "provider" and record.median_s)
    return {(record.case_key, record.regime): record.median_s for record in timed if record.median_s}


def main(rounds: int) -> int:
    times: dict[str, list[float]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory() as directory:
        sweep = Path(directory) / "sweep.toml"
        sweep.write_text(SWEEP)
        for number in range(rounds):
            order = random.Random(number).sample(MODES, len(MODES))
            found = {mode: medians(mode, sweep, Path(directory) / f"{mode} {number}") for mode in order}
            common = sorted(set.intersection(*(set(each) for each in found.values())), key=str)
            for mode in MODES:
                times[mode] += [found[mode][key] for key in common]
    control, ratio = paired_ratio(times["none again"], times["none"]), paired_ratio(times["view"], times["none"])
    assert control is not None and ratio is not None, "at least 2 rounds are needed"
    said = verdict(ratio, noise_floor(control))
    for name, each in (("without over without (A/A)", control), ("with the view over without", ratio)):
        print(f"{name:28} {each.ratio:.4f} [{each.low:.4f}, {each.high:.4f}]")
    print(f"with the view, cases are: {said} ({len(times['view'])} pairs)")
    return int(said == "slower")


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
