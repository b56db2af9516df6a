"""The rooms of the house and their arrows: imports point downwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

# From the top down: each room imports only those below it. `reports` is the one room that is no folder of harness.
ROOMS = (
    "harness.cli",
    "reports",
    "harness.doctor",
    "harness.paper",
    "harness.crosscheck",
    "harness.run",
    "harness.machine_code",
    "harness.timing",
    "harness.emulator",
    "harness.correctness",
    "harness.providers",
    "harness.sweeps",
    "harness.ops",
    "harness.store",
    "harness.device",
    "harness.plumbing",
    "kernels",
)


def room_of(module: str) -> str | None:
    return next((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), None)


def imported(source: str) -> Iterator[str]:
    """The names of all modules that a source imports from other packages, inside of functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{each.name}" for each in node.names)


def upward(root: Path) -> list[str]:
    """A sentence for every import that points upwards, or from kernels to anything of ours."""
    found = []
    for path in sorted(each for top in ("harness", "reports", "kernels") for each in (root / top).rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        own = room_of(module)
        for name in imported(path.read_text(encoding="utf-8")):
            other = room_of(name)
            if own and other and ROOMS.index(other) < ROOMS.index(own):
                found.append(f"{module} imports {name}, which is above it")
    return found


def test_imports_point_downwards():
    assert upward(ROOT) == []


def test_an_upward_import_is_found(tmp_path):
    for name, text in (
        ("harness/store/records.py", "def f():\n    from harness.run import runner\n"),
        ("harness/run/runner.py", "from harness.store.records import f\n"),
        ("kernels/nn.py", "import harness.ops.cases\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert upward(tmp_path) == [
        "harness.store.records imports harness.run.runner, which is above it",
        "kernels.nn imports harness.ops.cases, which is above it",
    ]


def test_every_module_of_harness_is_in_a_room():
    tops = {path.relative_to(ROOT).parts[1] for path in (ROOT / "harness").rglob("*.py")}
    rooms = {room.partition(".")[2] for room in ROOMS}
    assert tops - rooms == {"__init__.py", "__main__.py"}
