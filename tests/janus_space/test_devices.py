"""With a fake `nvidia-smi` on the PATH, a real process as the driver's own tool is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from janus_space import devices
from janus_space.devices import Gpu, gpus, machine

TWO_GPUS = """\
GPU-aaaa, 0, NVIDIA H200, 143771, 143000, 0
GPU-bbbb, 1, NVIDIA L4, 23034, 2048, 97
"""
BUSY = """\
GPU-bbbb, 4711
GPU-bbbb, 99
GPU-zzzz, 4711
GPU-bbbb, [Insufficient Permissions]
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program on the PATH beside the system's own, to be filled in by the test."""
    script = tmp_path / "bin" / "nvidia-smi"
    script.parent.mkdir()
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.defpath}")
    return script


def write(script: Path, text: str) -> None:
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)


def test_two_gpus_one_of_them_busy_with_our_process(smi: Path) -> None:
    write(smi, f"case \"$1\" in\n*compute-apps*) printf '%s' '{BUSY}';;\n*) printf '%s' '{TWO_GPUS}';;\nesac")
    first, second = gpus({4711: "kaist-ai/janus-7b", 12: "elsewhere"})
    assert first == Gpu(0, "NVIDIA H200", 143771 / 1024, 143000 / 1024, 0, ())
    assert (second.index, second.memory_free_gib, second.utilization_percent) == (1, 2.0, 97)
    assert second.busy_with == ("kaist-ai/janus-7b",)
    assert machine().gpus[1].busy_with == ()


def test_the_tool_is_asked_for_what_is_read(smi: Path, tmp_path: Path) -> None:
    write(smi, f"echo \"$@\" >> '{tmp_path}/asked'; printf '%s' '{TWO_GPUS}'")
    gpus({})
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--query-gpu=uuid,index,name,memory.total,memory.free,utilization.gpu --format=csv,noheader,nounits",
        "--query-compute-apps=gpu_uuid,pid --format=csv,noheader,nounits",
    ]


def test_a_gpu_that_does_not_tell_its_memory_is_left_out(smi: Path) -> None:
    write(smi, "echo 'GPU-a, 0, Some GPU, [N/A], [N/A], 5'; echo 'GPU-b, 1, NVIDIA L4, 23034, 2048, [N/A]'")
    (only,) = gpus({})
    assert (only.index, only.utilization_percent) == (1, None)


@pytest.mark.parametrize(
    "script",
    [
        None,
        "exit 9",
        "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'",
        "head -c 100000 /dev/urandom",
        "printf 'a,b\\n,,,,,\\n\\n1, 2, 3, 4, 5, 6, 7\\n'",
        "kill -9 $$",
    ],
    ids=["none", "failing", "prose", "noise", "rows", "killed"],
)
def test_without_a_working_tool_there_is_no_gpu(smi: Path, script: str | None) -> None:
    if script is not None:
        write(smi, script)
    assert gpus({}) == ()
    assert machine().gpus == ()


def test_a_hanging_tool_is_given_up_with_its_children(
    smi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_SMI_TIMEOUT_SECONDS", 0.5)
    write(smi, f"sleep 60 & echo $! > '{tmp_path}/child'; wait")
    start = time.monotonic()
    assert gpus({}) == ()
    assert time.monotonic() - start < 3
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "cmdline")
    deadline = time.monotonic() + 3
    while child.exists() and child.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.exists() or not child.read_bytes()


def test_memory_is_that_of_this_machine() -> None:
    here = machine()
    assert 0 < here.ram_free_gib <= here.ram_total_gib < 100_000
