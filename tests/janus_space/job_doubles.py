"""What tests of long work share: the command line, instructions, a teacher that takes its time, and patience."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from janus_space.augment_order import AugmentJob
from janus_space.job import Job
from tests.endpoint import Asked, Endpoint, endpoint, says
from tests.teacher import ScriptedTeacher, answer

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


class SlowTeacher(ScriptedTeacher):
    """Answers as the scripted teacher does, each time after a while that may be changed."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def __call__(self, request: Request, asked: Asked) -> Awaitable[Response]:
        self.bodies[json.dumps(asked.body, sort_keys=True)] += 1
        return says(answer, seconds_before=self.seconds)(request, asked)


@contextmanager
def slow_teacher(seconds: float = 0.05) -> Iterator[tuple[SlowTeacher, Endpoint]]:
    """Serve one on loopback."""
    teacher = SlowTeacher(seconds)
    with endpoint(teacher) as served:
        yield teacher, served


def janus(*arguments: object, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the command line as a person does, from any folder."""
    return subprocess.run(
        [sys.executable, "-m", "janus_space", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


def row(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Read the only row that a command with --json has printed."""
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def instructions(folder: Path, count: int = 8) -> Path:
    """Write a file of instructions."""
    path = folder / "asked.txt"
    path.write_text("\n".join(f"What is so special about the number {number * 7919}?" for number in range(count)))
    return path


def order(path: Path, teacher: str, **more: Any) -> AugmentJob:
    """Ask for two rows an instruction, a few requests at a time."""
    return AugmentJob(**{"instructions": path, "teacher": (teacher,), "sets": 2, "concurrency": 2, **more})


def wait_until(happens: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again until it has happened."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def ended(job: Job, seconds: float = PATIENCE_SECONDS) -> Job:
    """Wait until nobody is at a job."""
    wait_until(lambda: not job.is_live, seconds)
    return job
