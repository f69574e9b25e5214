"""Where the Space keeps its state: the only file that knows names on disk."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from janus_space.errors import HomeUnusable

_SPACE_DISK = Path("/data")  # the persistent storage of a Hugging Face Space, where it has one
_LITTLE_BYTES = 16 * 2**20

_CAUSES = {
    errno.EROFS: "it is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EEXIST: "it is not a folder",
    errno.ENOTDIR: "it is not a folder",
}


@dataclass(frozen=True)
class Home:
    """One folder, private to its user. The paths below it are made by whoever writes there first."""

    folder: Path

    @classmethod
    def at(cls, path: str | Path | None) -> Home:
        """Open the home at `path`, else at $JANUS_HOME, on a Space's own disk, or in the user's cache; make it if new.

        Raises:
            HomeUnusable: there is none and none can be made
        """
        folder = (Path(path) if path else _usual_folder()).expanduser().absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(folder, error) from error
        return cls(folder)

    @property
    def models(self) -> Path:
        """Converted and fetched weights."""
        return self.folder / "models"

    @property
    def jobs(self) -> Path:
        """Jobs, as VERB/NAME."""
        return self.folder / "jobs"

    @property
    def hierarchies(self) -> Path:
        """Preference hierarchies of the user's own."""
        return self.folder / "hierarchies"

    @property
    def datasets(self) -> Path:
        """Dataset folders made here, ready to train."""
        return self.folder / "datasets"

    @property
    def votes_file(self) -> Path:
        return self.folder / "votes.jsonl"

    @property
    def outlives_restart(self) -> bool:
        """Whether a hosted Space still has it after a restart: only its own disk does."""
        return self.folder.is_relative_to(_SPACE_DISK) and _SPACE_DISK.is_mount()

    def check_writable(self, needed_bytes: int = _LITTLE_BYTES) -> None:
        """Write a file for a moment, and see that there is room for more.

        Raises:
            HomeUnusable: it is read-only, too full, or not a folder
        """
        try:
            # Unbuffered: a buffered file that cannot be flushed is left behind.
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".writable-", buffering=0) as probe:
                probe.write(b"\0" * 4096)
                os.fsync(probe.fileno())
            free_bytes = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise _unusable(self.folder, error) from error
        if free_bytes < needed_bytes:
            raise HomeUnusable(
                f"{self.folder} has {free_bytes / 2**20:.0f} MB free and {needed_bytes / 2**20:.0f} MB are needed:"
                " free some space there, or set JANUS_HOME to another folder."
            )


def _usual_folder() -> Path:
    if os.environ.get("JANUS_HOME"):
        return Path(os.environ["JANUS_HOME"])
    if os.environ.get("SPACE_ID") and os.access(_SPACE_DISK, os.W_OK):
        return _SPACE_DISK / "janus-space"
    return Path("~/.cache/janus-space")


def _unusable(folder: Path, error: OSError) -> HomeUnusable:
    cause = _CAUSES.get(error.errno or 0) or (error.strerror or "unknown cause").lower()
    return HomeUnusable(
        f"{folder} cannot hold the files of Janus Space ({cause}): make it a writable folder with room,"
        " or set JANUS_HOME to another one."
    )
