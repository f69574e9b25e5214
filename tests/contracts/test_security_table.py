"""SECURITY.md: every setting names where it is made and a test that is really there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.contracts.tree import ROOT

NAMED = re.compile(r"`([\w./]+/|[\w./]+\.py)(?:::(\w+))?`")
HEADING = "| setting | where | test |"


def rows() -> list[list[str]]:
    """Read the cells of the table of settings."""
    lines = (ROOT / "SECURITY.md").read_text("utf-8").splitlines()
    start = lines.index(HEADING) + 2
    end = lines.index("", start)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def names_in(place: Path) -> set[str]:
    """Name the tests of a file, or of all files of a folder."""
    files = place.rglob("test_*.py") if place.is_dir() else [place]
    return {
        node.name
        for file in files
        if file.is_file()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_setting_has_a_test_that_is_there() -> None:
    table = rows()
    assert len(table) > 30
    untested, absent = [], []
    for setting, _, tests in table:
        named = NAMED.findall(tests)
        if not any(name or names_in(ROOT / path) for path, name in named):
            untested.append(setting)
        absent += [f"{path}::{name}" for path, name in named if name and name not in names_in(ROOT / path)]
        absent += [path for path, _ in named if not (ROOT / path).exists()]
    assert untested == []
    assert absent == []


def test_every_place_where_a_setting_is_made_is_there() -> None:
    places = [path for _, where, _ in rows() for path, _ in NAMED.findall(where)]
    assert len(places) > 30
    assert not [path for path in places if not (ROOT / path).exists() and not (ROOT / "janus_space" / path).exists()]
