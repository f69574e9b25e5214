"""A parcel sent as one commit: others see the old state until the moment they see the new one, whole.

The bytes of large files go first; they are named by their checksum, so that what has arrived is not sent again. The
commit names the state it builds on (`parent_commit`), which a file remembers over a cut: if another state is found
afterwards, it is either this parcel, whose answer was lost, or somebody else's work, which is never overwritten.
"""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import CommitOperationAdd
from huggingface_hub.hf_api import RepoFile
from pydantic import BaseModel, ConfigDict

from janus_space.errors import PublishRefused
from janus_space.job import read_json, write_json
from janus_space.publish.hub import Hub, status_of
from janus_space.publish.parcel import Parcel, ParcelFile

OnBytes = Callable[[int, int], None]
"""Told how many of how many bytes of the large files are there."""

_NEWS_EVERY_SECONDS = 0.5
_OWN_TO_THE_HUB = ".gitattributes"


class Sent(BaseModel):
    """A parcel that lies on the Hub."""

    model_config = ConfigDict(frozen=True)

    kind: str
    repo_id: str
    commit: str
    url: str
    others: tuple[str, ...] = ()
    """Files that were in the repository before and are not of this parcel; they stay."""


def send(parcel: Parcel, hub: Hub, memory: Path, on_bytes: OnBytes = lambda done, total: None) -> Sent:
    """Make the repository if there is none, and commit the parcel; going on after a cut is calling it again.

    `memory` is the file that knows over a cut what the commit builds on.

    Raises:
        PublishRefused: the Hub says no, or somebody else has written meanwhile
        PublishBroken: the connection did not hold
    """
    create(parcel, hub)
    parent = (read_json(memory) or {}).get("parent")
    if parent is None:
        parent = hub.patiently(f"looking at {parcel.repo_id}", lambda: _head(parcel, hub))
        write_json(memory, {"parent": parent})
    try:
        commit = hub.patiently(f"sending {parcel.repo_id}", lambda: _commit(parcel, hub, parent, on_bytes))
    except PublishRefused:
        memory.unlink(missing_ok=True)
        raise
    there = hub.patiently(f"listing {parcel.repo_id}", lambda: _files_there(parcel, hub))
    ours = {file.path for file in parcel.files} | {_OWN_TO_THE_HUB}
    return Sent(
        kind=parcel.kind,
        repo_id=parcel.repo_id,
        commit=commit,
        url=url_of(hub, parcel.kind, parcel.repo_id),
        others=tuple(sorted(there.keys() - ours)),
    )


def _commit(parcel: Parcel, hub: Hub, parent: str, on_bytes: OnBytes) -> str:
    """Send and commit, unless that has happened already and only the answer was lost; return the commit's name."""
    there = _files_there(parcel, hub)
    head = _head(parcel, hub)
    if all(_is_same(there.get(file.path), file, parcel.folder) for file in parcel.files):
        return head
    if head != parent:
        raise _changed_meanwhile(parcel)
    try:
        return hub.api.create_commit(
            parcel.repo_id,
            _additions(parcel, on_bytes),
            commit_message="Published from Janus Space",
            repo_type=parcel.kind,
            parent_commit=parent,
            num_threads=2,
        ).oid
    except Exception as error:
        if status_of(error) == 412:
            raise _changed_meanwhile(parcel) from error
        raise


def create(parcel: Parcel, hub: Hub) -> None:
    """Make the repository; one that is there stays as it is, private or public."""
    hub.patiently(
        f"making {parcel.repo_id}",
        lambda: hub.api.create_repo(
            parcel.repo_id,
            repo_type=parcel.kind,
            private=parcel.is_private,
            exist_ok=True,
            space_sdk="gradio" if parcel.kind == "space" else None,
        ),
    )


def url_of(hub: Hub, kind: str, repo_id: str) -> str:
    """Return the address of a repository's page."""
    return f"{hub.endpoint}/{'' if kind == 'model' else f'{kind}s/'}{repo_id}"


def _head(parcel: Parcel, hub: Hub) -> str:
    return str(hub.api.repo_info(parcel.repo_id, repo_type=parcel.kind).sha)


def _files_there(parcel: Parcel, hub: Hub) -> Mapping[str, RepoFile]:
    tree = hub.api.list_repo_tree(parcel.repo_id, recursive=True, repo_type=parcel.kind)
    return {one.path: one for one in tree if isinstance(one, RepoFile)}


def _is_same(there: RepoFile | None, file: ParcelFile, folder: Path) -> bool:
    if there is None or there.size != file.size_bytes:
        return False
    if there.lfs is not None:
        return bool(there.lfs.sha256 == file.sha256)
    content = (folder / file.path).read_bytes()
    return bool(there.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())


def _changed_meanwhile(parcel: Parcel) -> PublishRefused:
    return PublishRefused(
        f"Somebody else has written to {parcel.repo_id} since this began, and nothing of theirs is overwritten unseen:"
        " look at it, then resume to publish on top of it."
    )


def _additions(parcel: Parcel, on_bytes: OnBytes) -> list[CommitOperationAdd]:
    meter = _Meter(on_bytes)
    additions: list[CommitOperationAdd] = []
    for file in parcel.files:
        addition = _Watched(file.path, parcel.folder / file.path)
        addition.upload_info.sha256 = bytes.fromhex(file.sha256)  # it would be read once more to find out
        addition.meter = meter
        meter.of[file.path] = file.size_bytes
        additions.append(addition)
    return additions


class _Watched(CommitOperationAdd):
    """A file that tells how far it has been read while it is uploaded."""

    meter: _Meter | None = None

    @contextmanager
    def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:
        if not with_tqdm or self.meter is None:  # then it is only looked at, or small
            with super().as_file() as file:
                yield file
            return
        with _Counting(io.FileIO(str(self.path_or_fileobj)), partial(self.meter.at, self.path_in_repo)) as counting:
            yield counting


class _Counting(io.BufferedReader):
    def __init__(self, raw: io.FileIO, tell: Callable[[int], None]) -> None:
        super().__init__(raw)
        self._tell_position = tell

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self._tell_position(self.tell())
        return found

    def __iter__(self) -> Iterator[bytes]:  # a line of weights may be of any length
        while chunk := self.read(2**20):
            yield chunk


class _Meter:
    """Adds up how far all files are; files are sent by several threads."""

    def __init__(self, on_bytes: OnBytes) -> None:
        self.of: dict[str, int] = {}
        self._at: dict[str, int] = {}
        self._told_at = 0.0
        self._lock = threading.Lock()
        self._on_bytes = on_bytes

    def at(self, path: str, position: int) -> None:
        with self._lock:
            self._at[path] = position
            now = time.monotonic()
            if now - self._told_at >= _NEWS_EVERY_SECONDS:
                self._told_at = now
                self._on_bytes(sum(self._at.values()), sum(self.of.values()))
