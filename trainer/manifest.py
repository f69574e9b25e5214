"""A folder that knows whether it is whole: `manifest.json`, written last, holds size and sha256 of every other file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


def write_manifest(folder: Path) -> None:
    """Describe every file of the folder; call it when nothing more will be written."""
    files = {name: _describe(folder / name) for name in _files(folder)}
    unfinished = folder / f".{MANIFEST}"
    unfinished.write_text(json.dumps({"files": files}, indent=1))
    unfinished.rename(folder / MANIFEST)  # a kill leaves no half of it


def damaged_file(folder: Path) -> Path | None:
    """Return the first file that is missing, changed or unknown, or None when the folder is whole.

    Every byte is read: about 0.3 s for the embedded model's 540 MB on a processor with SHA instructions, 1.5 s without.
    A flipped byte in the weights gives no error later, only a worse model, so this is worth it; and loading, which maps
    the same file, then finds it in memory.
    """
    manifest = folder / MANIFEST
    try:
        files: dict[str, Any] = json.loads(manifest.read_text())["files"]
        present = set(_files(folder)) - {MANIFEST}
        if not files or (odd := present ^ files.keys()):
            return folder / min(odd) if files else manifest
        # Sizes first: a truncated file is found without reading the others.
        for name, described in files.items():
            if (folder / name).stat().st_size != described["bytes"]:
                return folder / name
        return next((folder / name for name, described in files.items() if _describe(folder / name) != described), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return manifest


def sha256_of(file: Path) -> str:
    """Hash a file without holding it in memory."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _describe(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
