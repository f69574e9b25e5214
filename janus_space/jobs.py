"""The jobs of one home: found, written down, started in processes of their own, and asked to end.

What a job's folder says is `job.py`'s; nothing is held here either.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from janus_space.errors import JobRefused
from janus_space.home import Home
from janus_space.job import KILL, Job, write_json

CAN_PAUSE = {"augment", "bench"}
WORKERS = {
    "augment": "janus_space.augment_worker",
    "bench": "janus_space.bench_worker",
    "merge": "janus_space.merge_worker",
    "publish": "janus_space.publish_worker",
    "train": "janus_space.train_worker",
}
"""The module that does a verb's work: it is run with the job's folder, and reads request.json there."""

_START_SECONDS = 30.0
_ROOT = Path(__file__).parents[1]


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
        if job.is_remote:
            return  # its worker lives until it has ended the machine that is paid for
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
