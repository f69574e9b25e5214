"""The real app in a process of its own, as `make run` starts it, for tests over HTTP or in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class RunningApp(NamedTuple):
    """Where it answers, and the process that does."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def running_app(
    home: Path, *arguments: str, environment: Mapping[str, str] | None = None, model: str = "echo:"
) -> Iterator[RunningApp]:
    """Start `app.py` on a free port, wait until it says where it is, and end it afterwards."""
    command = [sys.executable, "app.py", "--port", "0", "--home", str(home), "--model", model, *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said, found = "", None
        while found is None and (line := process.stdout.readline()):
            said += line  # on a Space, Gradio has a word to say first
            found = re.search(r"is open at (http://\S+)", line)
        assert found is not None, f"app.py did not open: {said!r}, exit code {process.poll()}"
        yield RunningApp(found[1].rstrip("/"), process)
    finally:
        process.terminate()
        process.wait(10)
