from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from janus_space.processes import ProcessMark, _born_by_ps


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def test_a_process_is_known_by_its_birth_and_not_by_its_pid_alone() -> None:
    mine = ProcessMark.of(os.getpid())
    assert mine is not None
    assert mine.is_alive
    assert not replace(mine, born="1").is_alive
    assert not replace(mine, boot="another boot").is_alive
    assert ProcessMark.read(mine.as_dict()) == mine


def test_a_process_that_has_ended_is_gone_even_before_anybody_asked_how() -> None:
    with sleeper() as process:
        mark = ProcessMark.of(process.pid)
        assert mark is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in the table
        assert not mark.is_alive
    assert ProcessMark.of(process.pid) is None


def test_what_is_no_mark_reads_as_none() -> None:
    assert ProcessMark.read(None) is None
    assert ProcessMark.read({"pid": 1}) is None


def test_ps_tells_the_same_where_there_is_no_proc() -> None:
    with sleeper() as process:
        assert _born_by_ps(process.pid) == _born_by_ps(process.pid) != None  # noqa: E711
        process.kill()
    assert _born_by_ps(process.pid) is None
