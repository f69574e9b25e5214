"""How much main memory this process may use: the limit of a container counts, not the memory of its host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


class MainMemory(NamedTuple):
    """What there is, and what is free of it."""

    total_bytes: int
    free_bytes: int


class _Files(NamedTuple):
    """What the two versions of Linux's control groups call the same figures."""

    limit: str
    used: str
    droppable: str
    """In memory.stat: pages of files, which count as used and can be dropped at any time."""


_VERSION_1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = _Files("memory.max", "memory.current", "inactive_file")


def main_memory(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> MainMemory:
    """Look at the memory of this machine, and at what the control groups of this process leave of it."""
    found = [_whole(proc / "meminfo")]
    found += [left for group, files in _groups(proc, cgroups) if (left := _left_in(group, files)) is not None]
    return MainMemory(min(one.total_bytes for one in found), max(0, min(one.free_bytes for one in found)))


def _whole(meminfo: Path) -> MainMemory:
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text("ascii").splitlines())
        return MainMemory(*(int(fields[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable")))
    except (OSError, ValueError, KeyError):
        # No Linux: what is free is not told without another library.
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return MainMemory(total, total)


def _groups(proc: Path, cgroups: Path) -> Iterator[tuple[Path, _Files]]:
    """Yield every group whose limit holds for this process: its own, and all that this one lies in.

    The outermost is among them in any case: in a container it is the container's own, while the path that the kernel
    tells may be one of the host.
    """
    try:
        lines = (proc / "self" / "cgroup").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        outermost, files = (cgroups / "memory", _VERSION_1) if controllers else (cgroups, _VERSION_2)
        names = [name for name in path.split("/") if name]
        for depth in range(len(names) + 1):
            yield outermost.joinpath(*names[:depth]), files


def _left_in(group: Path, files: _Files) -> MainMemory | None:
    """Read a group's limit and what is free below it; None where it has none."""
    try:
        limit = int((group / files.limit).read_text("ascii"))  # "max" where there is none
        used = int((group / files.used).read_text("ascii"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
        return MainMemory(limit, limit - used + int(stat[files.droppable]))
    except (OSError, ValueError, KeyError):
        return None
