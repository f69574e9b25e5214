"""Long jobs as folders: `jobs/VERB/NAME/` is all that is known of one, and its status follows from what is in it.

    request.json   what is asked, enough to do it again; never a secret
    process.json   who is at it: the supervisor and its worker
    events.jsonl   what happened, by the worker; log.txt the same for people
    stop, pause    somebody wishes it to end, or to rest; the worker obeys at its next step
    exit.json      how it ended, written last
    remote.json    where another machine does the work: which one; what runs here only follows it

A job with `--out` elsewhere is a link in `jobs/VERB/`. Nothing here holds anything: read it again, it is true again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from data_gen.whole_file import whole_file
from janus_space.processes import ProcessMark

Status = Literal["queued", "running", "stopping", "finished", "failed", "stopped", "lost"]
STATUSES: tuple[Status, ...] = get_args(Status)
LIVE: tuple[Status, ...] = ("queued", "running", "stopping")

REMOTE = "remote.json"
KILL = "kill"
"""What stands in the file `stop` when the worker was not asked but ended."""

_ENDED: dict[str, Status] = {
    "done": "finished",
    "stopped": "stopped",
    "estimated": "stopped",
    "asks": "stopped",
    "budget spent": "stopped",
    "failed": "failed",
    "halted": "failed",
}
_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Work:
    """Who is, or was, at a job: what process.json says."""

    supervisor: ProcessMark | None
    worker: ProcessMark | None
    devices: tuple[str, ...]
    asked_at: float

    @property
    def is_alive(self) -> bool:
        return any(mark is not None and mark.is_alive for mark in (self.supervisor, self.worker))


@dataclass(frozen=True)
class Job:
    """One job, as its folder tells it at the moment it is asked."""

    verb: str
    name: str
    folder: Path

    @property
    def id(self) -> str:
        return f"{self.verb}/{self.name}"

    @property
    def request(self) -> dict[str, Any]:
        return read_json(self.folder / "request.json") or {}

    @property
    def end(self) -> dict[str, Any] | None:
        return read_json(self.folder / "exit.json")

    @property
    def work(self) -> Work | None:
        told = read_json(self.folder / "process.json")
        if told is None:
            return None
        return Work(
            ProcessMark.read(told.get("supervisor")),
            ProcessMark.read(told.get("worker")),
            tuple(told.get("devices", ())),
            float(told.get("asked_at", 0.0)),
        )

    @property
    def is_live(self) -> bool:
        return (work := self.work) is not None and work.is_alive

    @property
    def is_asked_to_stop(self) -> bool:
        return (self.folder / "stop").exists()

    @property
    def is_remote(self) -> bool:
        return (self.folder / REMOTE).exists()

    @property
    def is_asked_to_pause(self) -> bool:
        return (self.folder / "pause").exists()

    @property
    def status(self) -> Status:
        """Derive the status; while somebody is at the job, an exit.json is not yet the end."""
        work = self.work
        if work is not None and work.is_alive:
            if self.is_asked_to_stop:
                return "stopping"
            return "queued" if work.worker is None else "running"
        end = self.end
        return "lost" if end is None else _ENDED.get(str(end.get("state")), "failed")

    @property
    def asked_at(self) -> float:
        """When it was started last, or written where nobody has started it."""
        if (work := self.work) is not None:
            return work.asked_at
        with suppress(OSError):
            return (self.folder / "request.json").stat().st_mtime
        return 0.0

    def events(self, most_bytes: int = _TAIL_BYTES) -> list[dict[str, Any]]:
        """Return the newest events, as many as fit; a torn line is not a line."""
        lines = tail(self.folder / "events.jsonl", most_bytes).splitlines()
        found = []
        for line in lines:
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    found.append(event)
        return found

    def log(self, most_lines: int = 80) -> list[str]:
        """Return the last lines of the log."""
        return tail(self.folder / "log.txt", 64 * 1024).splitlines()[-most_lines:]


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    with whole_file(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=2)


def tail(path: Path, most_bytes: int) -> str:
    """Return the end of a text file, from the beginning of a line on."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - most_bytes)
            file.seek(start)
            found = file.read()
    except OSError:
        return ""
    return (found.partition(b"\n")[2] if start else found).decode("utf-8", "replace")
