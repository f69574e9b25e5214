"""`python -m janus_space.supervise FOLDER VERB DEVICES [ARGUMENT…]`: sees one job through, and says how it ended.

It waits for the job's turn on its devices, runs the worker in a process group of its own, and writes exit.json where
the worker could not. It outlives whoever started it, and knows nothing of what the worker does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from janus_space.home import Home
from janus_space.job import KILL, Job, write_json
from janus_space.jobs import WORKERS, Jobs
from janus_space.processes import ProcessMark

_LOOK_EVERY_SECONDS = 0.5
_KILLED_FIRST = 800  # of 1000: when memory is short, the kernel ends the worker and not the page


def main(argv: list[str]) -> int:
    """See a job through."""
    folder, verb, devices, *arguments = argv
    jobs = Jobs(Home.at(None))
    path = Path(folder)
    try:
        with FileLock(path / ".supervised", blocking=False):
            job = _job(jobs, path, verb)
            _Supervisor(jobs, job, tuple(filter(None, devices.split(","))), time.time()).run(arguments)
    except Timeout:
        return 0  # another one is at it
    return 0


@dataclass(frozen=True)
class _Supervisor:
    jobs: Jobs
    job: Job
    devices: tuple[str, ...]
    asked_at: float

    def run(self, arguments: list[str]) -> None:
        (self.job.folder / "stop").unlink(missing_ok=True)
        self._say_who(None)
        (self.job.folder / "exit.json").unlink(missing_ok=True)
        worker = self._start_in_turn(arguments)
        if worker is None:
            self._finish({"state": "stopped", "reason": "It was stopped before its turn came."})
            return
        code = worker.wait()
        # Whatever the worker has started ends with it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        if self.job.end is None:
            self._finish(self._end(code))

    def _start_in_turn(self, arguments: list[str]) -> subprocess.Popen[bytes] | None:
        """Start the worker when no other job has a claim on the devices; None if it was stopped before."""
        while True:
            with self.jobs.lock() if self.devices else nullcontext():
                if self.job.is_asked_to_stop:
                    return None
                if self.jobs.must_wait_for(self.job) is None:
                    worker = self._start(arguments)
                    self._say_who(ProcessMark.of(worker.pid))
                    return worker
            time.sleep(_LOOK_EVERY_SECONDS)

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", WORKERS[self.job.verb], str(self.job.folder), *arguments],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        with suppress(OSError):
            Path(f"/proc/{worker.pid}/oom_score_adj").write_text(str(_KILLED_FIRST), "ascii")
        return worker

    def _say_who(self, worker: ProcessMark | None) -> None:
        me = ProcessMark.of(os.getpid())
        write_json(
            self.job.folder / "process.json",
            {
                "supervisor": me and me.as_dict(),
                "worker": worker and worker.as_dict(),
                "devices": self.devices,
                "asked_at": self.asked_at,
            },
        )

    def _end(self, code: int) -> dict[str, Any]:
        """Say how a worker ended that has not said so itself."""
        if code == 0:
            return {"state": "done"}
        with suppress(OSError):
            if (self.job.folder / "stop").read_text("utf-8") == KILL:
                return {"state": "stopped", "reason": "It was killed at your wish.", "exit_code": code}
        if code == -signal.SIGKILL:
            why = "It was killed from outside, probably because memory ran out"
        elif code < 0:
            why = f"It was ended by {signal.Signals(-code).name}"
        else:
            why = f"It ended with an error (exit code {code})"
        reason = f"{why}. What it had done is kept: read the log, then resume it."
        return {"state": "failed", "reason": reason, "exit_code": code}

    def _finish(self, end: dict[str, Any]) -> None:
        write_json(self.job.folder / "exit.json", end)


def _job(jobs: Jobs, folder: Path, verb: str) -> Job:
    """Find the job by its folder, so that it bears the name under which the queue knows it."""
    return next((job for job in jobs.list(verb) if job.folder == folder), Job(verb, folder.name, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
