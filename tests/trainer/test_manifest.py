from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.manifest import damaged_file, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.bin").write_bytes(b"a" * 100)
    (tmp_path / "b.bin").write_bytes(b"b" * 100)
    write_manifest(tmp_path)
    return tmp_path


def test_a_described_folder_is_whole(folder: Path) -> None:
    assert damaged_file(folder) is None


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda folder: (folder / "b.bin").write_bytes(b"b" * 99 + b"c"), "b.bin"),
        (lambda folder: (folder / "b.bin").write_bytes(b"b" * 99), "b.bin"),
        (lambda folder: (folder / "a.bin").unlink(), "a.bin"),
        (lambda folder: (folder / "c.bin").touch(), "c.bin"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"files": {'), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"files": {}}'), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"files": {"a.bin": 1, "b.bin": 2}}'), "manifest.json"),
    ],
)
def test_whatever_changes_is_found(folder: Path, damage: Callable[[Path], object], found: str) -> None:
    damage(folder)
    assert damaged_file(folder) == folder / found


def test_a_folder_that_is_not_there_is_not_whole(tmp_path: Path) -> None:
    assert damaged_file(tmp_path / "nowhere") == tmp_path / "nowhere" / "manifest.json"
