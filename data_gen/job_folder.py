"""A job is a folder: request.json, events.jsonl, log.txt, `stop` or `pause` when somebody wishes it, exit.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data_gen.errors import BadRequest, StorageFailed
from data_gen.whole_file import whole_file

_LOOK_EVERY_SECONDS = 0.5


def cannot_write(error: OSError, path: Path) -> StorageFailed:
    """Say in one sentence what could not be written, and what to do."""
    return StorageFailed(
        f"{error.filename or path} cannot be written ({error.strerror}): what was answered is kept, so make room, then"
        " start the same work again."
    )


class JobFolder:
    """One job's files; whoever holds its lock is the only one to write there."""

    def __init__(self, path: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.path = path
        self._say = say
        self._lock = FileLock(path / ".lock")

    @contextmanager
    def begun(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
        """Hold the job while it is worked on; yield None, or how the same job ended if another process was at it.

        Raises:
            BadRequest: another process is at work here, on something else; or no folder can be made
            StorageFailed: what has to be written could not be
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            others_end = self._take_lock(request)
        except OSError as error:
            raise BadRequest(f"{self.path} cannot hold a job ({error.strerror}); name another folder.") from error
        try:
            if others_end is None:
                self._start(request)
            yield others_end
        except OSError as error:
            raise cannot_write(error, self.path) from error
        finally:
            self._lock.release()

    def event(self, kind: str, **facts: Any) -> None:
        """Append one event."""
        self._append("events.jsonl", json.dumps({"time": round(time.time(), 3), "event": kind, **facts}))

    def log(self, sentence: str) -> None:
        """Tell a person something, here and in log.txt."""
        self._say(sentence)
        self._append("log.txt", f"{time.strftime('%Y-%m-%d %H:%M:%S')} {sentence}")

    @property
    def is_asked_to_stop(self) -> bool:
        return (self.path / "stop").exists()

    @property
    def is_asked_to_pause(self) -> bool:
        return (self.path / "pause").exists()

    def finish(self, end: Mapping[str, Any]) -> None:
        """Write how it ended, last of all."""
        with whole_file(self.path / "exit.json") as file:
            json.dump(end, file, ensure_ascii=False, indent=2)

    def _append(self, name: str, line: str) -> None:
        # A full disk is told by what cannot do without it; a line of news must not end the work.
        with suppress(OSError), (self.path / name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _take_lock(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            self._lock.acquire(blocking=False)
            return None
        except Timeout:
            pass
        if self._read("request.json") != request:
            raise BadRequest(
                f"Another process is at work in {self.path}, with other settings: wait for it, stop it by creating the"
                f" file {self.path / 'stop'}, or name another folder."
            ) from None
        self._say(f"The same job is running in {self.path} already: waiting for it.")
        while True:
            try:
                self._lock.acquire(timeout=_LOOK_EVERY_SECONDS)
                break
            except Timeout:
                continue
        end = self._read("exit.json")
        # Without an end it was killed, and the job is ours to go on with.
        return end if end and end.get("state") == "done" else None

    def _start(self, request: Mapping[str, Any]) -> None:
        for name in ("exit.json", "stop", "pause"):
            (self.path / name).unlink(missing_ok=True)
        events = self.path / "events.jsonl"
        if events.exists() and not events.read_bytes().endswith(b"\n"):
            with events.open("a", encoding="utf-8") as file:
                file.write("\n")  # a line torn by a kill stays alone on its line
        with whole_file(self.path / "request.json") as file:
            json.dump(request, file, ensure_ascii=False, indent=2)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None
