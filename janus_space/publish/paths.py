"""Folders of this machine, in what would go: they mean nothing elsewhere, and tell more than they should."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_REWRITTEN = (".json", ".md")
_SHORTEST_ROOT = 4  # "/" and the like are in every text


def roots(*folders: Path) -> tuple[str, ...]:
    """Return the folders whose names are cut, the longest first."""
    known = [Path.home(), Path.cwd(), Path(tempfile.gettempdir()), *folders]
    texts = {text for path in known for text in (str(path), str(path.resolve())) if len(text) >= _SHORTEST_ROOT}
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def rewrite(folder: Path, roots: Iterable[str]) -> list[str]:
    """Cut every path of this machine in cards and settings to its last name; return the files that were changed.

    Rows of data are left as they are: what stands in them was written by somebody.
    """
    pattern = _pattern(roots)
    changed = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _REWRITTEN or not path.is_file() or path.name == "tokenizer.json":
            continue
        before = path.read_text("utf-8")
        after = _rewritten_json(before, pattern) if path.suffix == ".json" else _cut(before, pattern)
        if after != before:
            path.unlink()  # it may be a link to the file that was published from
            path.write_text(after, "utf-8")
            changed.append(path.relative_to(folder).as_posix())
    return changed


def mentions(folder: Path, roots: Iterable[str]) -> list[str]:
    """Name the text files that still hold a path of this machine."""
    pattern = re.compile("|".join(map(re.escape, roots)).encode())
    texts = (path for path in sorted(folder.rglob("*")) if path.suffix in (".jsonl", ".csv", *_REWRITTEN))
    return [path.relative_to(folder).as_posix() for path in texts if pattern.search(path.read_bytes())]


def _pattern(roots: Iterable[str]) -> re.Pattern[str]:
    any_root = "|".join(map(re.escape, roots))
    return re.compile(rf"(?:{any_root})(?:/[^\s\"'`<>|)\],;+]*)?(?![\w-])")


def _cut(text: str, pattern: re.Pattern[str]) -> str:
    return pattern.sub(lambda found: Path(found[0]).name, text)


def _rewritten_json(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.search(text):
        return text
    try:
        return json.dumps(_inside(json.loads(text), pattern), ensure_ascii=False, indent=2) + "\n"
    except ValueError:
        return _cut(text, pattern)


def _inside(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return _cut(value, pattern)
    if isinstance(value, list):
        return [_inside(one, pattern) for one in value]
    if isinstance(value, dict):
        return {_cut(str(name), pattern): _inside(one, pattern) for name, one in value.items()}
    return value
