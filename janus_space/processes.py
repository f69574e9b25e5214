"""Which process it is: a pid alone may by now belong to another one."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_DEAD_STATES = "ZX"  # ended; a zombie only waits for its parent to ask how


@dataclass(frozen=True)
class ProcessMark:
    """A pid with the moment its process was born, in the kernel's own words, and the boot that this was in."""

    pid: int
    born: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessMark | None:
        """Mark a process that is alive now; None where there is none."""
        born = _born(pid)
        return None if born is None else cls(pid, born, _boot())

    @classmethod
    def read(cls, found: Any) -> ProcessMark | None:
        """Take a mark from JSON; None for what is none."""
        with suppress(TypeError):
            return cls(**found)
        return None

    @property
    def is_alive(self) -> bool:
        return ProcessMark.of(self.pid) == self

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _boot() -> str:
    with suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


def _born(pid: int) -> str | None:
    if not (_PROC / "self/stat").exists():
        return _born_by_ps(pid)
    try:
        told = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # proc(5): the name, in brackets, may hold anything; the state is the first field after it, the start the 20th.
    state, *rest = told.rpartition(")")[2].split()
    return None if state in _DEAD_STATES else rest[18]


def _born_by_ps(pid: int) -> str | None:
    """Ask `ps`, where there is no /proc (macOS)."""
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.split()
    return None if not told or told[0][0] in _DEAD_STATES else " ".join(told[1:])
