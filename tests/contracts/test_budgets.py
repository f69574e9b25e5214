"""The budgets: how long a file and a function may be, what may not be named, what may not be committed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from tests.contracts.tree import PACKAGES, ROOT, parsed, project_files, source_files, text_files, within

FILE_LINES, FILE_LINES_P90 = 400, 300
FUNCTION_LINES, BUILD_LINES, FUNCTION_LINES_P90 = 60, 90, 35
EXPORTED_NAMES = 15

VAGUE_FILE = re.compile(r"(utils?|helpers?|managers?|handlers?|services?|common|misc|base.*)$")
VAGUE_CLASS = re.compile(r"Base[A-Z]|.*(Manager|Service|Helper)$")
# Spelt in two halves, so that this file is held to its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
THIS_MACHINE = re.compile(
    r"(?<![\w.~}])/(work|root|opt/pypi|opt/wheels|usr/bin/chrom)\b"
    r"|\bpy" r"pi\.org|\bpython" r"hosted\.org|registry\.np" r"mjs|download\.py" r"torch\.org|\bdeb\.de" r"bian\.org"
)  # fmt: skip


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def p90(lengths: list[int]) -> float:
    return quantiles(lengths, n=10, method="inclusive")[-1]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function's place and length; a function's inner functions count as part of it and on their own."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def classes(path: Path) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))


def offending_lines(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_is_too_long() -> None:
    python = [path for path in project_files() if path.suffix == ".py"]
    assert not {str(path.relative_to(ROOT)): lines(path) for path in python if lines(path) > FILE_LINES}
    assert p90([lines(path) for path in source_files()]) <= FILE_LINES_P90


def test_no_function_is_too_long() -> None:
    lengths = [(place, length) for path in source_files() for place, length in functions(path)]
    too_long = [
        f"{place}: {length} lines"
        for place, length in lengths
        if length > (BUILD_LINES if re.match(r"janus_space/ui/.* build", place) else FUNCTION_LINES)
    ]
    assert not too_long
    assert p90([length for _, length in lengths]) <= FUNCTION_LINES_P90


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_exports_few_names(package: str) -> None:
    for path in (path for path in source_files() if within(path, package) and path.name == "__init__.py"):
        for node in parsed(path).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                assert len(ast.literal_eval(node.value)) <= EXPORTED_NAMES, path


def test_files_and_classes_are_named_for_what_they_are() -> None:
    assert not [str(path.relative_to(ROOT)) for path in source_files() if VAGUE_FILE.match(path.stem)]
    vague = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in source_files()
        for node in classes(path)
        if VAGUE_CLASS.match(node.name)
    ]
    assert not vague


def test_nothing_is_left_unfinished() -> None:
    assert not offending_lines(UNFINISHED)


def test_no_file_names_a_place_that_only_this_machine_knows() -> None:
    assert not offending_lines(THIS_MACHINE)
