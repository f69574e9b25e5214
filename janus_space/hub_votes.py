"""Votes that are also kept in a dataset on the Hub, for a Space whose disk does not outlive a restart.

Opt in with JANUS_VOTES_DATASET=owner/name and HF_TOKEN. A vote counts once it is in the local file; a thread of its own
then carries it to the Hub, in shards that are only ever added: votes/STARTED-RANDOM-NUMBER.jsonl, one commit each. At
the start, the votes of all shards are brought into the local file.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from janus_space.errors import HubUnusable
from janus_space.home import Home
from janus_space.votes import Vote, VoteBox

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger(__name__)

DATASET_VARIABLE = "JANUS_VOTES_DATASET"
SHARDS = "votes/*.jsonl"
SECONDS_BETWEEN = 30.0
MAX_SECONDS_BETWEEN = 900.0
VOTES_A_SHARD = 500

_CARD = """\
---
configs:
- config_name: default
  data_files: votes/*.jsonl
tags:
- preference
- janus-space
---

# Votes in a Janus Space

Which of several answers a person preferred, one vote a line, with the question, the answers, and who gave them under
which system message. `voter` is an opaque name. Lines of one `comparison` are one vote.
"""


def open_votes(home: Home, environ: Mapping[str, str]) -> VoteBox:
    """Open the votes of a house, kept on the Hub too where its environment asks for it."""
    repo_id = environ.get(DATASET_VARIABLE, "").strip()
    if not repo_id:
        return VoteBox(home.votes_file)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id):
        raise HubUnusable(f"{DATASET_VARIABLE} is {repo_id[:100]!r}: write it as owner/name, or unset it.")
    token = environ.get("HF_TOKEN")
    if not token:
        raise HubUnusable(f"{DATASET_VARIABLE} needs HF_TOKEN, a token that may write to {repo_id}: set it, too.")
    votes = HubVotes(home.votes_file, repo_id, token, environ.get("HF_ENDPOINT"))
    votes.start()
    return votes


class HubVotes(VoteBox):
    """A box of votes with a copy on the Hub; `trouble` says in a sentence why the copy is behind, if it is."""

    def __init__(
        self,
        path: Path,
        repo_id: str,
        token: str,
        endpoint: str | None = None,
        seconds_between: float = SECONDS_BETWEEN,
    ) -> None:
        super().__init__(path)
        self.repo_id = repo_id
        self.trouble: str | None = None
        self._token = token
        self._endpoint = endpoint
        self._seconds_between = seconds_between
        self._shard_prefix = f"votes/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._n_shards = 0
        self._is_restored = False
        self._has_card = False
        self._pending: dict[str, Vote] = {}
        self._pending_lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="votes-to-hub", daemon=True)

    def start(self) -> None:
        """Begin to read what the Hub has and to send what it lacks."""
        self._wake.set()
        self._thread.start()

    def cast(self, vote: Vote) -> None:
        """Write one vote down for good, as `VoteBox.cast` does; the Hub has it later."""
        super().cast(vote)
        with self._pending_lock:
            self._pending[vote.comparison] = vote
        self._wake.set()

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Send what is left, and end; what cannot be sent in time stays in the local file."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout_seconds)

    @cached_property
    def _api(self) -> HfApi:
        from huggingface_hub import HfApi

        return HfApi(endpoint=self._endpoint, token=self._token)

    def _keep_up(self) -> None:
        seconds = self._seconds_between
        while True:
            self._wake.wait()
            self._wake.clear()
            is_last = self._closing.is_set()
            try:
                self._copy()
                self.trouble, seconds = None, self._seconds_between
            except Exception as error:  # noqa: BLE001 -- the client lets transport errors of every kind through
                log.warning("votes were not copied to %s: %s: %s", self.repo_id, type(error).__name__, error)
                self.trouble, seconds = _sentence(self.repo_id, error), min(seconds * 2, MAX_SECONDS_BETWEEN)
                self._wake.set()
            if is_last:
                return
            self._closing.wait(seconds)  # the votes of this while make one shard

    def _copy(self) -> None:
        if not self._is_restored:
            self._restore()
        while shard := self._next_shard():
            self._commit(shard)
            self._n_shards += 1
            with self._pending_lock:
                for vote in shard:
                    self._pending.pop(vote.comparison, None)

    def _next_shard(self) -> list[Vote]:
        with self._pending_lock:
            return list(self._pending.values())[:VOTES_A_SHARD]

    def _restore(self) -> None:
        """Make sure that there is a dataset, bring its votes here, and note which votes it lacks."""
        self._api.create_repo(self.repo_id, repo_type="dataset", private=True, exist_ok=True)
        here = {vote.comparison: vote for vote in self}
        there = {vote.comparison: vote for vote in self._fetched()}
        for comparison, vote in there.items():
            if comparison not in here:
                super().cast(vote)
        with self._pending_lock:
            self._pending = {name: vote for name, vote in {**here, **self._pending}.items() if name not in there}
        self._is_restored = True

    def _fetched(self) -> Iterator[Vote]:
        folder = self._api.snapshot_download(self.repo_id, repo_type="dataset", allow_patterns=[SHARDS, "README.md"])
        self._has_card = (Path(folder) / "README.md").exists()
        for shard in sorted(Path(folder).glob(SHARDS)):
            for number, line in enumerate(shard.read_bytes().splitlines(), 1):
                try:
                    yield Vote.model_validate_json(line)
                except ValidationError:
                    log.warning("%s of %s, line %d is no vote and is left out", shard.name, self.repo_id, number)

    def _commit(self, shard: list[Vote]) -> None:
        """Add one shard. Sent again under the same name after a failure, it holds at least what it held before."""
        from huggingface_hub import CommitOperationAdd

        lines = "".join(f"{vote.model_dump_json()}\n" for vote in shard)
        files = {f"{self._shard_prefix}-{self._n_shards:05}.jsonl": lines}
        if not self._has_card:
            files["README.md"] = _CARD
        self._api.create_commit(
            self.repo_id,
            [CommitOperationAdd(path, text.encode()) for path, text in files.items()],
            commit_message=f"{len(shard)} votes" if len(shard) > 1 else "1 vote",
            repo_type="dataset",
        )
        self._has_card = True


def _sentence(repo_id: str, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        reason = "its token may not write there; give HF_TOKEN write access"
    elif status is not None:
        reason = f"the Hub answered with status {status}"
    else:
        reason = "the Hub cannot be reached"
    return f"The newest votes are not in {repo_id} yet ({reason}): they are safe on this server and are sent again."
