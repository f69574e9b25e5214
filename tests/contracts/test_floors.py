"""The floors: who may import whom, and what must stay light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.tree import (
    ROOT,
    expand_braces,
    imports,
    module_name,
    nodes_run_at_import,
    parsed,
    project_settings,
    source_files,
)

HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "bitsandbytes", "accelerate"}
IMPORT_CPU_SECONDS = 1.0
LIGHT_MODULES = ("janus_space", "janus_space.cli", "data_gen", "trainer")


def tensor_files() -> set[Path]:
    """Return the files that pyproject.toml lets import torch when they are imported."""
    ignores = project_settings()["tool"]["ruff"]["lint"]["per-file-ignores"]
    globs = (
        one
        for glob, rules in ignores.items()
        if "TID253" in rules and glob != "tests/**"
        for one in expand_braces(glob)
    )
    return {path for glob in globs for path in ROOT.glob(glob)}


def module_level_imports() -> dict[str, set[str]]:
    """Map every module of the product to what it imports when it is imported, its parent packages included."""
    known = {module_name(path): path for path in source_files()}
    return {
        name: imports(nodes_run_at_import(parsed(path))) | ({name.rpartition(".")[0]} - {""})
        for name, path in known.items()
    }


def test_import_linter_keeps_every_floor() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([str(lint)], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_tensor_files_import_torch_at_module_level() -> None:
    exempted = tensor_files()
    offences = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in source_files()
        if path not in exempted
        for name in imports(nodes_run_at_import(parsed(path)))
        if name.partition(".")[0] in HEAVY
    ]
    assert not offences


def test_nothing_the_page_imports_reaches_torch() -> None:
    edges = module_level_imports()
    reached = {name for name in edges if name.startswith("janus_space.ui") or name == "app"}
    waiting = list(reached)
    while waiting:
        for name in edges[waiting.pop()] & edges.keys() - reached:
            reached.add(name)
            waiting.append(name)
    heavy = {path for path in tensor_files() if module_name(path) in reached}
    assert not heavy, "the Gradio process would import torch through these"


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_importing_is_quick_and_loads_neither_torch_nor_gradio(module: str) -> None:
    """Count CPU seconds, of the best of three: the wall clock of a busy machine says nothing about the import."""
    code = f"import sys, time, {module}; print(time.process_time(), *({HEAVY | {'gradio'}!r} & set(sys.modules)))"
    runs = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        seconds, *heavy = done.stdout.split()
        assert not heavy
        runs.append(float(seconds))
        if runs[-1] < IMPORT_CPU_SECONDS:
            return
    pytest.fail(f"importing {module} took {min(runs):.2f} s of CPU; the budget is {IMPORT_CPU_SECONDS} s")
