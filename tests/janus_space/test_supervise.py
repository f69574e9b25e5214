"""The supervisor's own words and rules; its work with real jobs is in test_jobs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from janus_space.home import Home
from janus_space.job import KILL, Job, write_json
from janus_space.jobs import Jobs
from janus_space.supervise import _Supervisor

ROOT = Path(__file__).parents[2]


@pytest.fixture
def supervisor(janus_home: Path) -> _Supervisor:
    jobs = Jobs(Home.at(janus_home))
    folder = jobs.home.jobs / "augment" / "one"
    folder.mkdir(parents=True)
    write_json(folder / "request.json", {})
    return _Supervisor(jobs, Job("augment", "one", folder), (), 1.0)


@pytest.mark.parametrize(
    ("code", "state", "told"),
    [
        (-signal.SIGKILL, "failed", "killed from outside, probably because memory ran out"),
        (-signal.SIGTERM, "failed", "ended by SIGTERM"),
        (3, "failed", "exit code 3"),
        (0, "done", ""),
    ],
)
def test_how_a_silent_worker_ended_is_said_for_it(supervisor: _Supervisor, code: int, state: str, told: str) -> None:
    end = supervisor._end(code)
    assert end["state"] == state
    assert told in end.get("reason", "")


def test_a_wish_to_kill_is_no_failure(supervisor: _Supervisor) -> None:
    (supervisor.job.folder / "stop").write_text(KILL)
    assert supervisor._end(-signal.SIGKILL)["state"] == "stopped"


def test_a_second_supervisor_leaves_at_once(supervisor: _Supervisor) -> None:
    folder = supervisor.job.folder
    with FileLock(folder / ".supervised"):
        command = [sys.executable, "-m", "janus_space.supervise", str(folder), "augment", ""]
        assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 0
    assert not (folder / "process.json").exists()


def test_it_loads_neither_gradio_nor_torch() -> None:
    code = "import sys, janus_space.supervise; print(sorted({'gradio', 'torch', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
