"""Control groups of both versions, as the kernel writes them, in folders of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer import main_memory as module
from trainer.config import TrainConfig
from trainer.estimate import device_memory_gib
from trainer.main_memory import MainMemory, main_memory

KIB, MIB = 2**10, 2**20
WHOLE = MainMemory(64 * MIB, 32 * MIB)
NO_LIMIT = 9223372036854771712  # what version 1 says instead of "max"


class Kernel:
    """The files that are read, for a process in the given groups."""

    def __init__(self, folder: Path, cgroup: str) -> None:
        self.proc, self.cgroups = folder / "proc", folder / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "cgroup").write_text(cgroup)
        (self.proc / "meminfo").write_text(
            f"MemTotal:       {64 * KIB} kB\nMemFree:  1 kB\nMemAvailable:   {32 * KIB} kB\n"
        )

    def look(self) -> MainMemory:
        return main_memory(self.proc, self.cgroups)

    def version_1(self, group: str, limit: int, used: int, cached: int) -> None:
        told = {"limit_in_bytes": limit, "usage_in_bytes": used, "stat": f"cache 1\ntotal_inactive_file {cached}"}
        self._write(self.cgroups / "memory" / group, told)

    def version_2(self, group: str, limit: int | str, used: int, cached: int) -> None:
        self._write(self.cgroups / group, {"max": limit, "current": used, "stat": f"anon 1\ninactive_file {cached}"})

    @staticmethod
    def _write(group: Path, told: dict[str, object]) -> None:
        group.mkdir(parents=True, exist_ok=True)
        for name, value in told.items():
            (group / f"memory.{name}").write_text(f"{value}\n")


def test_a_container_has_what_its_limit_leaves(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, "0::/\n")
    assert kernel.look() == WHOLE
    kernel.version_2("", 16 * MIB, 12 * MIB, 4 * MIB)
    assert kernel.look() == (16 * MIB, 8 * MIB)
    kernel.version_2("", "max", 12 * MIB, 4 * MIB)
    assert kernel.look() == WHOLE


def test_a_container_of_version_1_too(tmp_path: Path) -> None:
    """Its path is the host's; what is mounted begins at the container."""
    kernel = Kernel(tmp_path, "5:cpuset:/docker/4f\n4:cpu,memory:/docker/4f\n0::/docker/4f\n")
    kernel.version_1("", 16 * MIB, 12 * MIB, 4 * MIB)
    assert kernel.look() == (16 * MIB, 8 * MIB)
    kernel.version_1("", NO_LIMIT, 12 * MIB, 4 * MIB)
    assert kernel.look() == WHOLE


@pytest.mark.parametrize("version", [1, 2])
def test_the_narrowest_of_the_groups_around_it_counts(tmp_path: Path, version: int) -> None:
    kernel = Kernel(tmp_path, "4:memory:/user/me/run\n" if version == 1 else "0::/user/me/run\n")
    write = kernel.version_1 if version == 1 else kernel.version_2
    write("user/me/run", NO_LIMIT, 1 * MIB, 0)
    write("user/me", 48 * MIB, 8 * MIB, 0)
    write("user", 40 * MIB, 39 * MIB, 0)
    write("somebody-else", 1 * MIB, 0, 0)
    assert kernel.look() == (40 * MIB, 1 * MIB)
    write("user", 4 * MIB, 5 * MIB, 0)
    assert kernel.look() == (4 * MIB, 0)


def test_without_linux_the_total_is_known(tmp_path: Path) -> None:
    found = main_memory(tmp_path, tmp_path)
    assert found.total_bytes == found.free_bytes > 0


def test_an_estimate_for_a_processor_holds_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(tmp_path, "0::/\n")
    kernel.version_2("", 16 * MIB, 0, 0)
    monkeypatch.setattr(module.main_memory, "__defaults__", (kernel.proc, kernel.cgroups))
    config = TrainConfig.read({"method": "sft", "model": "embedded:smollm2", "dataset": "d", "device": "cpu"})
    assert device_memory_gib(config) == 16 * MIB / 2**30
