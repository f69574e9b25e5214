"""What this machine has to run models on: memory, and attached GPUs as the driver's own tool reports them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.main_memory import main_memory

_SMI_TIMEOUT_SECONDS = 3.0
_MIB_PER_GIB = 1024


@dataclass(frozen=True)
class Gpu:
    """An attached GPU. `index` counts in the order of the bus, as `nvidia-smi` does."""

    index: int
    name: str
    memory_total_gib: float
    memory_free_gib: float
    utilization_percent: int | None = None
    busy_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """The memory and GPUs of this machine, or of the container it runs in."""

    ram_total_gib: float
    ram_free_gib: float
    gpus: tuple[Gpu, ...] = ()


def machine(labels: Mapping[int, str] | None = None) -> Machine:
    """Look at the machine now; `labels` names our own processes by pid."""
    memory = main_memory()
    return Machine(memory.total_bytes / 2**30, memory.free_bytes / 2**30, gpus(labels or {}))


def gpus(labels: Mapping[int, str]) -> tuple[Gpu, ...]:
    """List the attached GPUs, and which of the processes named in `labels` are busy there.

    Without `nvidia-smi`, or with one that fails or hangs, there are none.
    """
    rows = _smi("--query-gpu=uuid,index,name,memory.total,memory.free,utilization.gpu")
    found = {row[0]: gpu for row in rows if (gpu := _gpu(row)) is not None}
    if not found:
        return ()
    busy: dict[str, list[str]] = {uuid: [] for uuid in found}
    for row in _smi("--query-compute-apps=gpu_uuid,pid"):
        label = labels.get(int(row[1])) if len(row) == 2 and row[1].isdecimal() else None
        if label is not None and row[0] in busy:
            busy[row[0]].append(label)
    return tuple(
        Gpu(gpu.index, gpu.name, gpu.memory_total_gib, gpu.memory_free_gib, gpu.utilization_percent, tuple(busy[uuid]))
        for uuid, gpu in found.items()
    )


def show_alone(devices: Sequence[str]) -> bool:
    """Show this process the GPUs among `devices` alone, and return whether there are any; before torch looks for them.

    Without any, it sees what it has seen before.
    """
    numbers = [device.removeprefix("cuda:") for device in devices if device.startswith("cuda:")]
    if numbers:
        # The driver's tool counts by bus, CUDA by speed unless told otherwise.
        os.environ |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(numbers)}
    return bool(numbers)


def _gpu(row: list[str]) -> Gpu | None:
    """Read one row of the first query; None where it is not one, such as a GPU that does not tell its memory."""
    try:
        _, index, name, total_mib, free_mib, utilization = row
        return Gpu(
            index=int(index),
            name=name,
            memory_total_gib=int(total_mib) / _MIB_PER_GIB,
            memory_free_gib=int(free_mib) / _MIB_PER_GIB,
            utilization_percent=int(utilization) if utilization.isdecimal() else None,
        )
    except ValueError:
        return None


def _smi(query: str) -> list[list[str]]:
    try:
        process = subprocess.Popen(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return []
    try:
        output, _ = process.communicate(timeout=_SMI_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        _abandon(process)
        return []
    if process.returncode != 0:
        return []
    return [[cell.strip() for cell in line.split(",")] for line in output.decode(errors="replace").splitlines()]


def _abandon(process: subprocess.Popen[bytes]) -> None:
    """Kill the process with its children, and wait only a moment: with a broken driver it may not die at all."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.5)
    if process.stdout is not None:
        process.stdout.close()
