"""A parcel: one folder that holds exactly what goes to the Hub, with the size and the checksum of every file."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

RepoKind = Literal["model", "dataset", "space"]

CARD = "README.md"


class ParcelFile(BaseModel):
    """One file of a parcel, by its path in the repository."""

    model_config = ConfigDict(frozen=True)

    path: str
    size_bytes: int
    sha256: str


class Parcel(BaseModel):
    """What goes where. The folder is closed: nothing is added to it once it has been listed."""

    model_config = ConfigDict(frozen=True)

    kind: RepoKind
    repo_id: str
    is_private: bool
    folder: Path
    files: tuple[ParcelFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def listed(folder: Path) -> tuple[ParcelFile, ...]:
    """List the files of a folder with their checksums, in the order of their paths."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(
        ParcelFile(path=path.relative_to(folder).as_posix(), size_bytes=path.stat().st_size, sha256=sha256_of(path))
        for path in paths
    )


def place(source: Path, target: Path) -> None:
    """Put a file into a parcel without a second copy of its bytes where the disk allows that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        os.link(source.resolve(), target)
        return
    shutil.copyfile(source, target)


def sha256_of(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
