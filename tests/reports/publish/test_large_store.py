"""A store of 100,000 records, read and filtered and shown by the real command line."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from harness.ops.cases import make_case
from harness.store.records import read_run, to_json
from harness.store.vocabulary import MANIFEST, RECORDS
from tests.harness.command import elubench, environment
from tests.reports.runs import record, run_of

RECORDS_COUNT = 100_000
PLACE = 7_777_777  # the size in the template's keys, in whose place each record gets its own


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Every record has 100 samples: over 300 MB."""
    run = tmp_path_factory.mktemp("large")
    (run / MANIFEST).write_text(json.dumps(dataclasses.asdict(run_of().manifest)))
    samples = tuple(50e-6 + n * 1.23456789e-9 for n in range(100))
    template = to_json(dataclasses.replace(record(make_case("elu", (PLACE,), "bfloat16")), samples_s=samples))
    with (run / RECORDS).open("w") as file:
        file.writelines(template.replace(str(PLACE), str(10_000 + n)) + "\n" for n in range(RECORDS_COUNT))
    yield run
    (run / RECORDS).unlink()


# From a small process in between: the memory of one that starts another counts as the other's.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""


@pytest.mark.slow
def test_it_is_read_filtered_and_shown_in_3_seconds_and_500_mb(large):
    """Seconds of CPU time: on a machine with nothing else to do, that is how long it takes."""
    command = [sys.executable, "-m", "harness", "show", str(large), "--dtype", "bfloat16", "--case", " 5555"]
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], env=environment(), capture_output=True, text=True, check=True
    )
    assert "outcomes: 10 ok" in ended.stdout  # 55550 to 55559
    time_s, kilobytes = ended.stderr.split()
    assert float(time_s) < 3
    assert int(kilobytes) < 500 * 1024


@pytest.mark.slow
def test_what_is_wanted_is_read_whole_and_nothing_else(large):
    (found,) = read_run(large, where=lambda head: head.shape == (12_345,)).records
    assert found.shape == (12_345,)
    assert len(found.samples_s) == 100
    (bare,) = read_run(large, where=lambda head: head.shape == (12_345,), samples=False).records
    assert bare == dataclasses.replace(found, samples_s=())


@pytest.mark.slow
def test_a_filter_that_nothing_fits_is_said(large):
    ended = elubench("show", large, "--op", "bias_elu")
    assert ended.returncode == 2
    assert "no record that fits" in ended.stderr
