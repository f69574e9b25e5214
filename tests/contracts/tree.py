"""The project's own files, as the contracts read them."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("data_gen", "trainer", "janus_space")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".css", ".js", ".json", ".jinja", ".yaml", ".yml", ".svg", ".html", ""}
NOT_OURS = {".git", ".venv", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis", "__pycache__"}


@cache
def project_files() -> tuple[Path, ...]:
    """Return what is, or would be, committed; in a copy without git, all but caches."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode == 0:
        named = (ROOT / name for name in listing.stdout.split("\0") if name)
    else:
        named = (path for path in ROOT.rglob("*") if not NOT_OURS & set(path.relative_to(ROOT).parts))
    return tuple(sorted(path for path in named if path.is_file()))


def text_files() -> Iterator[Path]:
    """Yield the files that people read, without the long data among the assets."""
    for path in project_files():
        if path.suffix in TEXT_SUFFIXES and path.stat().st_size < 1_000_000:
            yield path


@cache
def source_files() -> tuple[Path, ...]:
    """Return the Python files of the product: the packages and the front door."""
    return tuple(
        path
        for path in project_files()
        if path.suffix == ".py" and (within(path, *PACKAGES) or path == ROOT / "app.py")
    )


def within(path: Path, *folders: str) -> bool:
    """Say whether the file lies in one of these top-level folders."""
    return path.relative_to(ROOT).parts[0] in folders


@cache
def parsed(path: Path) -> ast.Module:
    """Parse a file, once a run."""
    return ast.parse(path.read_text("utf-8"), str(path))


def module_name(path: Path) -> str:
    """Name the module that a file is."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def project_settings() -> dict[str, object]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    """Collect the dotted names that these nodes import; `from a import b` gives a and a.b, for b may be a module."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def nodes_run_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Walk what runs when the module is imported: neither bodies of functions nor what only the type checker reads."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)


def expand_braces(pattern: str) -> list[str]:
    """Spell out `{a,b}` as ruff's globs mean it."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    spelt = (pattern[: match.start()] + choice + pattern[match.end() :] for choice in match[1].split(","))
    return list(chain.from_iterable(expand_braces(one) for one in spelt))
