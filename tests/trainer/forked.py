"""`python -m trainer` as a process that begins at once: forked from one that has the libraries behind it in memory.

It is a real process, to be killed and signalled like one. Only what is read when a library is imported, such as
HF_ENDPOINT, is as it was when the first one began.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["trainer.train", "trainer.__main__"])


class Forked:
    """A running command; its two outputs go to files."""

    def __init__(self, *arguments: str, stdout: Path, stderr: Path) -> None:
        self._process: ForkServerProcess = _PROCESSES.Process(target=_run, args=(arguments, stdout, stderr))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"it did not end within {timeout} s"
        return self._process.exitcode


def _run(arguments: tuple[str, ...], stdout: Path, stderr: Path) -> None:
    os.setsid()  # as one that a job starts: whatever it starts can be killed with it
    for path, number in ((stdout, 1), (stderr, 2)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    from trainer.__main__ import main

    sys.exit(main(list(arguments)))
