"""A job is a folder: request.json, events.jsonl, log.txt, `stop` when somebody wishes it, exit.json at the end.

why.json says of each switch that was left open how it was set, and why.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from trainer.errors import BadConfig, JobBusy, OutOfMemory

_LOOK_EVERY_SECONDS = 0.5
WHY = "why.json"
_MAY_DIFFER = {"machine_rank", "main_process_ip", "main_process_port"}


class JobFolder:
    """One job's files. `is_writer` is false in all but the first of several processes that share a job."""

    def __init__(self, path: Path, say: Callable[[str], None] = lambda line: None, is_writer: bool = True) -> None:
        self.path = path
        self.is_writer = is_writer
        self._say = say
        self._lock = FileLock(path / ".lock")

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The result of a run that trained an adapter."""
        return self.path / "adapter"

    @property
    def model(self) -> Path:
        """The result of a run that trained all weights."""
        return self.path / "model"

    @contextmanager
    def begun(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
        """Hold the job while it is worked on; yield None, or how the same job has ended already.

        Raises:
            JobBusy: another process is at work here, on something else
            BadConfig: the folder holds another run, or can hold none
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take_lock(request)
        except OSError as error:
            raise BadConfig(f"{self.path} cannot hold a job ({error.strerror}); name another folder.") from error
        try:
            self._refuse_other_run(request)
            end = self.read("exit.json")
            if end is not None and end.get("state") == "done":
                yield end
            else:
                self._start(request)
                yield None
        finally:
            self._lock.release()

    def event(self, kind: str, **facts: Any) -> None:
        """Append one event."""
        if self.is_writer:
            line = json.dumps({"time": round(time.time(), 3), "event": kind, **facts}, ensure_ascii=False)
            with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Read the whole events of one kind; a torn last line is none."""
        found = []
        try:
            lines = (self.path / "events.jsonl").read_text("utf-8").splitlines()
        except OSError:
            return []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("event") == kind:
                found.append(event)
        return found

    def log(self, sentence: str) -> None:
        """Tell a person something, here and in log.txt."""
        if self.is_writer:
            self._say(sentence)
            with (self.path / "log.txt").open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {sentence}\n")

    @property
    def is_asked_to_stop(self) -> bool:
        return (self.path / "stop").exists()

    def write(self, name: str, facts: Any) -> None:
        """Write a whole JSON file, or none."""
        if self.is_writer:
            with whole_file(self.path / name) as file:
                json.dump(facts, file, ensure_ascii=False, indent=2)
                file.write("\n")

    def read(self, name: str) -> dict[str, Any] | None:
        """Read a JSON file, or None where there is no whole one."""
        try:
            found = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _take_lock(self, request: Mapping[str, Any]) -> None:
        try:
            self._lock.acquire(blocking=False)
            return
        except Timeout:
            pass
        if self.read("request.json") != request:
            raise JobBusy(
                f"Another process is at work in {self.path}, with other settings: wait for it, stop it by creating the"
                f" file {self.path / 'stop'}, or name another folder."
            )
        self._say(f"The same job is running in {self.path} already: waiting for it.")
        while True:
            try:
                self._lock.acquire(timeout=_LOOK_EVERY_SECONDS)
                return
            except Timeout:
                continue

    def _refuse_other_run(self, request: Mapping[str, Any]) -> None:
        before = self.read("request.json")
        if before is None:
            return
        changed = sorted(
            name
            for name in before.keys() | request.keys()
            if before.get(name) != request.get(name) and name not in _MAY_DIFFER
        )
        if changed and (self.checkpoints.exists() or (self.path / "exit.json").exists()):
            raise BadConfig(
                f"{self.path} holds a run with another {changed[0]} ({before.get(changed[0])}, not"
                f" {request.get(changed[0])}), and a run goes on only as it began: name another folder."
            )

    def _start(self, request: Mapping[str, Any]) -> None:
        for name in ("exit.json", "stop"):
            (self.path / name).unlink(missing_ok=True)
        events = self.path / "events.jsonl"
        if events.exists() and not events.read_bytes().endswith(b"\n"):
            with events.open("a", encoding="utf-8") as file:
                file.write("\n")  # a line torn by a kill stays alone on its line
        self.write("request.json", request)


def failure(error: Exception) -> dict[str, Any]:
    """Tell an error as the end of a job: its kind, the sentence, and what would cure it, where that is known."""
    told = {"state": "failed", "kind": type(error).__name__, "reason": str(error)}
    return told | ({"cure": error.cure} if isinstance(error, OutOfMemory) else {})


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Write text to a file beside `path`, and give it the name at the end; after an error there is no new file."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
