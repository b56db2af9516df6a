"""What things are called: no module hides one of the standard library."""

from __future__ import annotations

import sys

from tests.house.rooms import ROOT, sources


def test_no_module_has_the_name_of_one_of_the_standard_library():
    ours = {path: path.parent.name if path.stem == "__init__" else path.stem for path in sources(ROOT)}
    assert [str(path.relative_to(ROOT)) for path, name in ours.items() if name in sys.stdlib_module_names] == []
