"""Votes: which of several answers a person preferred, one JSON line a vote in one append-only file."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock, Timeout
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_gen.chat import Sampling
from janus_space.comparison import MAX_COLUMNS, MAX_TEXT, Turn
from janus_space.errors import VoteRefused
from trainer.storage import writing_to

log = logging.getLogger(__name__)

Verdict = Annotated[int, Field(ge=0, strict=True)] | Literal["tie", "both bad"]

_PATIENCE_SECONDS = 10.0


class VotedColumn(BaseModel):
    """One column as it was shown, with the answer that was judged."""

    model_config = ConfigDict(frozen=True)

    model: str = Field(min_length=1, description="Model spec")
    name: str = Field(min_length=1, description="The model's name for people")
    system: str | None = Field(None, description="System message; null if none was sent")
    preferences: dict[str, str] = Field({}, description="Preferences it was composed from: id to dimension")
    answer: str


class Vote(BaseModel):
    """One person's judgement of one comparison, readable without any other file. Columns stand as they were shown.

    Unknown fields are ignored, so that a file written by a newer Janus Space still opens.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(default_factory=lambda: secrets.token_hex(16))
    comparison: str = Field(min_length=1, description="Id of the comparison; it takes one vote")
    when: Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))] = Field(
        default_factory=lambda: datetime.now(UTC)
    )
    voter: str = Field(min_length=1, description="Opaque name; never a secret that lets somebody in")
    was_blind: bool = Field(description="Whether the models' names were hidden until the vote")
    verdict: Verdict = Field(description="Index of the column that won, or that none did")
    prompt: str = Field(min_length=1, max_length=MAX_TEXT)
    earlier: tuple[Turn, ...] = Field(
        (), description="Turns before this one; their answers in the order of the columns"
    )
    columns: tuple[VotedColumn, ...] = Field(min_length=2, max_length=MAX_COLUMNS)
    sampling: Sampling = Sampling()

    @model_validator(mode="after")
    def _winner_exists(self) -> Vote:
        if isinstance(self.verdict, int) and self.verdict >= len(self.columns):
            raise ValueError(f"column {self.verdict} cannot win: there are {len(self.columns)}")
        return self


class VoteBox:
    """The votes of one house, safe to share among threads and processes; iterate to read them, oldest first.

    A line is a vote once it ends in a newline. What a crash left half-written is no vote: readers skip it, and the
    next vote cuts it off. A damaged line elsewhere costs that one vote only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._between_processes = FileLock(f"{path}.lock", timeout=_PATIENCE_SECONDS)
        self._between_threads = threading.Lock()
        self._voted: set[str] = set()
        self._voted_inode = 0
        self._voted_bytes = 0
        self._reported_lines: set[int] = set()

    def cast(self, vote: Vote) -> None:
        """Write one vote down for good.

        Raises:
            VoteRefused: its comparison has a vote already
            StorageFailed: the disk is full or read-only; nothing was counted
        """
        line = vote.model_dump_json().encode() + b"\n"
        try:
            with writing_to(self._path.parent, "JANUS_HOME"), self._between_threads:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with self._between_processes:
                    self._cast_alone(vote.comparison, line)
        except Timeout as error:
            raise VoteRefused("The file of votes is busy; the vote was not counted. Vote again in a moment.") from error

    def __iter__(self) -> Iterator[Vote]:
        """Read one vote a comparison: the first, should files have been put together by hand."""
        seen: set[str] = set()
        for number, line in enumerate(_whole_lines(self._path), 1):
            try:
                vote = Vote.model_validate_json(line)
            except ValidationError:
                self._report(number)
                continue
            if vote.comparison not in seen:
                seen.add(vote.comparison)
                yield vote

    def _cast_alone(self, comparison: str, line: bytes) -> None:
        is_new = not self._path.exists()
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._catch_up(file)
            if comparison in self._voted:
                raise VoteRefused("This comparison has its vote already; run it again to vote again.")
            _append(file, line, self._voted_bytes)
            self._voted.add(comparison)
            self._voted_bytes += len(line)
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self._path.parent)

    def _catch_up(self, file: int) -> None:
        """Learn what has been voted on since the last look, and cut off a torn last line."""
        now = os.fstat(file)
        if now.st_ino != self._voted_inode or now.st_size < self._voted_bytes:
            self._voted.clear()
            self._voted_inode, self._voted_bytes = now.st_ino, 0
        for line in _whole_lines(self._path, self._voted_bytes):
            self._voted_bytes += len(line)
            if comparison := _comparison_of(line):
                self._voted.add(comparison)
        if now.st_size > self._voted_bytes:
            log.warning("%s ended in a line cut short by a crash; it was no vote and is removed", self._path)
            os.ftruncate(file, self._voted_bytes)

    def _report(self, number: int) -> None:
        if number not in self._reported_lines:
            self._reported_lines.add(number)
            log.warning("%s, line %d is damaged and is not counted", self._path, number)


def _whole_lines(path: Path, from_byte: int = 0) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(from_byte)
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _comparison_of(line: bytes) -> str | None:
    try:
        return str(json.loads(line)["comparison"])
    except (ValueError, KeyError, TypeError):
        return None


def _append(file: int, line: bytes, end: int) -> None:
    """Write the whole line or nothing: a full disk may take a part of it."""
    try:
        while line:  # one round, unless the disk is filling up: then the second one tells why
            line = line[os.write(file, line) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, end)
        raise


def _sync_folder(folder: Path) -> None:
    """Keep a new file's name over a power failure, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
