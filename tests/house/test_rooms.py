"""Imports point downwards, every module is in a room, and the way to a record enters each room once."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby

from tests.house.rooms import ROOMS, ROOT, ROUTE, imported, module_of, room_of, sources, upward


def test_imports_point_downwards():
    assert upward(ROOT) == []


def test_an_upward_import_is_found(tmp_path):
    for name, text in (
        ("harness/store/records.py", "def f():\n    from harness.run import runner\n"),
        ("harness/run/runner.py", "from harness.store.records import f\n"),
        ("kernels/launch.py", "import harness.ops.cases\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert upward(tmp_path) == [
        "harness.store.records imports harness.run.runner, which is above it",
        "kernels.launch imports harness.ops.cases, which is above it",
    ]


def test_every_module_of_harness_is_in_a_room_and_every_room_is_there():
    tops = {path.relative_to(ROOT / "harness").parts[0] for path in (ROOT / "harness").rglob("*.py")}
    rooms = {room.partition(".")[2] for room in ROOMS}
    assert tops - rooms == {"__init__.py", "__main__.py"}
    assert rooms - tops == {""}


def test_the_way_from_the_verb_to_a_stored_record_enters_each_room_once():
    modules = [module for module, _ in ROUTE]
    rooms = [room for room, _ in groupby(modules, room_of)]
    assert len(rooms) == len(set(rooms)), rooms
    text = {module_of(path, ROOT): path.read_text(encoding="utf-8") for path in sources(ROOT)}
    for number, module in enumerate(modules[1:], 1):
        names = {name for each in modules[:number] for name in imported(text[each])}
        assert any(f"{name}.".startswith(f"{module}.") for name in names), f"nothing before {module} imports it"


def test_contributing_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if room.removeprefix("harness.") not in text] == []


def test_what_is_started_on_every_node_of_a_cluster_imports_no_torch():
    """Only its own worker processes compute, and they import torch themselves."""
    code = "import sys, harness.run.remote, harness.proof.workers; print({'torch', 'triton'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "set()"
