"""Checkpoints that are known to be whole: a manifest, written last, and the newest one that keeps to it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from trainer.manifest import MANIFEST, damaged_file, write_manifest

_NAME = re.compile(r"checkpoint-(\d+)")
# A pickle that nothing here reads, with the paths of this machine in it.
_NOT_KEPT = ("training_args.bin",)


def seal(checkpoint: Path) -> None:
    """Describe a checkpoint that has just been written, once all of it is on the disk."""
    for name in _NOT_KEPT:
        (checkpoint / name).unlink(missing_ok=True)
    (checkpoint / MANIFEST).unlink(missing_ok=True)
    for file in checkpoint.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    write_manifest(checkpoint)


def newest_whole(checkpoints: Path) -> Path | None:
    """Return the newest checkpoint that is whole, and remove those that a kill or a full disk left torn.

    Torn ones have to go: a run that counts them among the checkpoints it keeps would delete whole ones for them.
    """
    found: list[tuple[int, Path]] = []
    for folder in checkpoints.glob("checkpoint-*"):
        named = _NAME.fullmatch(folder.name)
        if named is None or damaged_file(folder) is not None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            found.append((int(named[1]), folder))
    return max(found)[1] if found else None


def step_of(checkpoint: Path) -> int:
    """Return how many steps were done when it was saved."""
    named = _NAME.fullmatch(checkpoint.name)
    return int(named[1]) if named else 0
