from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from janus_space import home
from janus_space.errors import HomeUnusable
from janus_space.home import Home


@contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small disk of its own, where the tests may; skip, saying so, where they may not."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a disk of its own needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_usual_place_depends_on_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr(home, "_SPACE_DISK", tmp_path / "data")
    assert Home.at(tmp_path / "asked").folder == tmp_path / "asked"
    assert Home.at(None).folder == Path(os.environ["JANUS_HOME"])
    monkeypatch.delenv("JANUS_HOME")
    (tmp_path / "data").mkdir()
    assert Home.at(None).folder == tmp_path / "user/.cache/janus-space"
    monkeypatch.setenv("SPACE_ID", "me/space")
    assert Home.at(None).folder == tmp_path / "data/janus-space"
    (tmp_path / "data/janus-space").rmdir()
    (tmp_path / "data").rmdir()
    assert Home.at(None).folder == tmp_path / "user/.cache/janus-space", "a Space without a disk of its own"
    assert Home.at("~/mine").folder == tmp_path / "user/mine"


def test_a_new_home_is_private_and_empty(tmp_path: Path) -> None:
    opened = Home.at(tmp_path / "deep" / "home")
    assert stat.S_IMODE(opened.folder.stat().st_mode) == 0o700
    opened.check_writable()
    paths = [opened.models, opened.jobs, opened.hierarchies, opened.votes_file]
    assert {path.parent for path in paths} == {opened.folder}
    assert list(opened.folder.iterdir()) == []


def assert_says(caught: pytest.ExceptionInfo[HomeUnusable], folder: Path, *words: str) -> None:
    sentence = str(caught.value)
    assert all(word in sentence for word in (str(folder), "JANUS_HOME", *words)), sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_file_is_no_home(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.touch()
    for path in (taken, taken / "below"):
        with pytest.raises(HomeUnusable) as caught:
            Home.at(path)
        assert_says(caught, path, "not a folder")


def test_too_little_room_names_both_figures(tmp_path: Path) -> None:
    with pytest.raises(HomeUnusable, match="MB free and 1152921504607 MB are needed") as caught:
        Home.at(tmp_path).check_writable(needed_bytes=2**20 * 1152921504607)
    assert_says(caught, tmp_path, "free some space")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "size=64k") as folder:
        opened = Home.at(folder)
        with pytest.raises(HomeUnusable, match="are needed"):
            opened.check_writable()
        with suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        with pytest.raises(HomeUnusable) as caught:
            opened.check_writable(needed_bytes=0)
        assert_says(caught, folder, "disk is full")
        assert [path.name for path in folder.iterdir()] == ["filler"]


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "ro") as folder:
        with pytest.raises(HomeUnusable) as caught:
            Home.at(folder).check_writable()
        assert_says(caught, folder, "read-only")
        with pytest.raises(HomeUnusable) as caught:
            Home.at(folder / "new")
        assert_says(caught, folder / "new", "read-only")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_of_somebody_else_is_named(tmp_path: Path) -> None:
    opened = Home.at(tmp_path / "home")
    opened.folder.chmod(0o500)
    with pytest.raises(HomeUnusable) as caught:
        opened.check_writable()
    assert_says(caught, opened.folder, "may not write")
