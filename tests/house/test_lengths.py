"""A file is read in one sitting, a function on one screen."""

from __future__ import annotations

import ast

from tests.house.rooms import ROOT, sources

FILE_LINES = 350
FUNCTION_LINES = 45


def test_no_file_is_too_long():
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in sources(ROOT)}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES} == {}


def test_no_function_is_too_long():
    found = {}
    for path in sources(ROOT):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
                found[f"{path.relative_to(ROOT)}:{node.name}"] = node.end_lineno - node.lineno + 1
    assert {name: length for name, length in found.items() if length > FUNCTION_LINES} == {}
