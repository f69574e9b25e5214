"""Long jobs as folders: `jobs/VERB/NAME/` is all that is known of one, and its status follows from what is in it.

    request.json   what is asked, enough to do it again; never a secret
    process.json   who is at it: the supervisor and its worker
    events.jsonl   what happened, by the worker; log.txt the same for people
    stop, pause    somebody wishes it to end, or to rest; the worker obeys at its next step
    exit.json      how it ended, written last

A job with `--out` elsewhere is a link in `jobs/VERB/`. Nothing here holds anything: read it again, it is true again.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock

from data_gen.whole_file import whole_file
from janus_space.errors import JobRefused
from janus_space.home import Home
from janus_space.processes import ProcessMark

Status = Literal["queued", "running", "stopping", "finished", "failed", "stopped", "lost"]
STATUSES: tuple[Status, ...] = get_args(Status)
LIVE: tuple[Status, ...] = ("queued", "running", "stopping")

CAN_PAUSE = {"augment"}
WORKERS = {"augment": "janus_space.augment_worker", "train": "janus_space.train_worker"}
"""The module that does a verb's work: it is run with the job's folder, and reads request.json there."""

KILL = "kill"
"""What stands in the file `stop` when the worker was not asked but ended."""

_ENDED: dict[str, Status] = {
    "done": "finished",
    "stopped": "stopped",
    "estimated": "stopped",
    "budget spent": "stopped",
    "failed": "failed",
    "halted": "failed",
}
_START_SECONDS = 30.0
_TAIL_BYTES = 256 * 1024
_ROOT = Path(__file__).parents[1]


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


class Jobs:
    """The jobs of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def list(self, verb: str | None = None) -> list[Job]:
        """List the jobs, newest first."""
        found = [
            Job(folder.parent.name, folder.name, folder.resolve())
            for folder in self.home.jobs.glob(f"{verb or '*'}/*")
            if (folder / "request.json").exists()
        ]
        return sorted(found, key=lambda job: (-job.asked_at, job.id))

    def find(self, name: str) -> Job:
        """Find a job by its name, VERB/NAME or folder; raise `JobRefused` where none, or more than one, is meant."""
        jobs = self.list()
        folder = Path(name).expanduser().absolute().resolve()
        found = [job for job in jobs if name in (job.name, job.id) or job.folder == folder]
        if len(found) == 1:
            return found[0]
        if found:
            raise JobRefused(f"{name} may be {' or '.join(job.id for job in found)}: say which.")
        known = f"; there are {', '.join(job.id for job in jobs[:8])}" if jobs else "; there are none yet"
        raise JobRefused(f"There is no job {name!r}{known}.")

    def create(self, verb: str, request: Mapping[str, Any], folder: Path | None = None) -> Job:
        """Write down what is asked, in a folder of the home or in one named; the same folder is the same job.

        Raises:
            JobRefused: somebody is at work there, on something else; or the folder cannot hold a job
        """
        try:
            if folder is None:
                folder = self.new_folder(verb)
            folder.mkdir(parents=True, exist_ok=True)
            job = Job(verb, self._listed(verb, folder.resolve()), folder.resolve())
            if job.request != request:
                if job.is_live:
                    raise JobRefused(
                        f"{job.id} is at work in {folder} with other settings: stop it first (janus stop {job.name}),"
                        " or name another folder."
                    )
                write_json(folder / "request.json", request)
        except OSError as error:
            raise JobRefused(f"{folder} cannot hold a job ({error.strerror}): name another folder.") from error
        return job

    def start(
        self,
        job: Job,
        *arguments: str,
        devices: Sequence[str] = (),
        secrets: Mapping[str, str] | None = None,
    ) -> bool:
        """Start or resume a job in processes of its own; False where somebody is at it already.

        `secrets` go into the environment of the worker, and nowhere else.
        """
        with self.lock():
            if job.is_live:
                return False
            root = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
            environment = {**os.environ, "JANUS_HOME": str(self.home.folder), "PYTHONPATH": root, **(secrets or {})}
            command = [sys.executable, "-m", "janus_space.supervise", str(job.folder), job.verb, ",".join(devices)]
            with (job.folder / "log.txt").open("ab") as log:
                process = subprocess.Popen(
                    [*command, *arguments],
                    cwd=_ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # so that neither Ctrl-C nor the end of the app reaches it
                )
            # Somebody has to ask how it ended, or it stays in the table of processes.
            threading.Thread(target=process.wait, daemon=True).start()
            self._await_supervisor(job, process)
        return True

    def stop(self, job: Job) -> None:
        """Ask a job to end at its next step; all that it has done is kept."""
        if not job.is_live:
            raise JobRefused(f"{job.id} is not running: it is {job.status}.")
        if not job.is_asked_to_stop:
            (job.folder / "stop").write_text("", "utf-8")

    def pause(self, job: Job, is_wished: bool) -> None:
        """Let a job rest, or go on; nothing that is under way is lost."""
        if not job.is_live:
            raise JobRefused(f"{job.id} is not running: it is {job.status}.")
        if is_wished:
            (job.folder / "pause").write_text("", "utf-8")
        else:
            (job.folder / "pause").unlink(missing_ok=True)

    def kill(self, job: Job) -> None:
        """End a job at once, with every process that its worker has started."""
        work = job.work
        if work is None or not work.is_alive:
            raise JobRefused(f"{job.id} is not running: it is {job.status}.")
        (job.folder / "stop").write_text(KILL, "utf-8")
        if work.worker is not None and work.worker.is_alive:
            with suppress(ProcessLookupError):
                os.killpg(work.worker.pid, signal.SIGKILL)

    def lock(self) -> FileLock:
        """Hold what only one process may do at a time: starting a job, and taking its turn in the queue."""
        self.home.jobs.mkdir(parents=True, exist_ok=True)
        return FileLock(self.home.jobs / ".lock")

    def must_wait_for(self, job: Job) -> Job | None:
        """Return the job whose turn on one of this one's devices comes first: one that runs, or the oldest queued."""
        work = job.work
        if work is None or not work.devices:
            return None
        for other in sorted(self.list(), key=lambda one: (one.asked_at, one.id)):
            others = other.work
            if others is None or other.folder == job.folder or not set(others.devices) & set(work.devices):
                continue
            is_first = others.worker is not None or (other.asked_at, other.id) < (work.asked_at, job.id)
            if is_first and others.is_alive:
                return other
        return None

    def _await_supervisor(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            work = job.work
            if work is not None and work.supervisor is not None and work.supervisor.pid == process.pid:
                return
            if process.poll() is not None:
                break
            time.sleep(0.02)
        said = " ".join(job.log(1))
        raise JobRefused(f"{job.id} could not be started{f' ({said})' if said else ''}; its log is in {job.folder}.")

    def new_folder(self, verb: str, name: str = "") -> Path:
        """Name a folder that no job has yet, after a person's wish or the time."""
        folder = self.home.jobs / verb
        first = slug(name) or time.strftime("%Y%m%d-%H%M%S")
        return next(path for path in numbered(folder / first) if not path.exists())

    def _listed(self, verb: str, folder: Path) -> str:
        """Return the name under which a folder is listed; one outside of the home gets a link in it."""
        ours = self.home.jobs / verb
        for known in ours.glob("*"):
            if known.resolve() == folder:
                return known.name
        ours.mkdir(parents=True, exist_ok=True)
        link = next(path for path in numbered(ours / (slug(folder.name) or "job")) if not os.path.lexists(path))
        link.symlink_to(folder, target_is_directory=True)
        return link.name


def slug(text: str) -> str:
    """Make a file's name of what a person wrote: letters, digits and dashes."""
    return re.sub(r"[^\w]+", "-", text).strip("-_")[:60]


def numbered(path: Path) -> Iterator[Path]:
    """Yield a path, then the same with -2, -3, … behind it."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.name}-{number}")
        number += 1
