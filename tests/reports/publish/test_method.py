"""docs/method.md: its pictures are those that its script draws, and it names what there is."""

from __future__ import annotations

import importlib.util
import re

from harness.sweeps.stop_rule import StopRule
from harness.timing.estimators import SAME_WITHIN
from tests.harness.command import ROOT

DOCS = ROOT / "docs"


def test_the_pictures_are_those_that_the_script_draws(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("draw", DOCS / "method" / "draw.py")
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    monkeypatch.setattr(draw, "FOLDER", tmp_path)
    for each in (draw.way, draw.cold, draw.rounds, draw.interval, draw.floor, draw.audit):
        each()
    drawn = {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")}
    assert drawn == {path.name: path.read_bytes() for path in (DOCS / "method").glob("*.svg")}
    assert all(f"method/{name}" in (DOCS / "method.md").read_text() for name in drawn)


def test_files_and_numbers_in_the_text_are_those_of_the_code():
    text = (DOCS / "method.md").read_text()
    for path in re.findall(r"`((?:harness|docs|tests)/[\w./]+)`", text):
        assert (ROOT / path).exists(), path
    rule = StopRule()
    assert f"±{rule.relative_ci:.1%} of its median (never before {rule.min_samples} samples)" in text
    assert f"`max_samples`: {rule.max_samples} of each" in text
    assert f"`max_seconds`: {rule.max_seconds:g} s spent" in text
    assert f"at most {rule.max_warmup_seconds:g} s for each" in " ".join(text.split())
    assert f"within ±{SAME_WITHIN:.0%}" in text
