"""What things are called: no module hides one of the standard library, no two classes have one name."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict

from tests.house.rooms import ROOT, sources


def test_no_module_has_the_name_of_one_of_the_standard_library():
    ours = {path: path.parent.name if path.stem == "__init__" else path.stem for path in sources(ROOT)}
    assert [str(path.relative_to(ROOT)) for path, name in ours.items() if name in sys.stdlib_module_names] == []


def test_no_two_classes_have_one_name():
    places: dict[str, list[str]] = defaultdict(list)
    for path in sources(ROOT):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
