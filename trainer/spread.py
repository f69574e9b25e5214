"""A run of several processes: started as one group, watched until it ends, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trainer.config import TrainConfig
from trainer.errors import OutOfMemory, TrainingFailed
from trainer.job_folder import JobFolder
from trainer.launch import ACCELERATE_CONFIG, accelerate_config, worker_command

ENDS_WITH_LAUNCHER = "JANUS_TRAINER_ENDS_WITH_LAUNCHER"
"""In the environment of every process of a run: its standard input closes when the one that started it is gone."""
# torch 2.13 tells only the first round of a rendezvous where its store is: a machine started again would wait for ever.
_MEETS_ANEW = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}

_END_GRACE_SECONDS = 30


def run_spread(config: TrainConfig, folder: JobFolder, models_dir: Path) -> dict[str, Any]:
    """Start this machine's share of a settled config's processes and wait for them; return how the run ended.

    Raises:
        TrainingFailed: they broke off
    """
    if config.machine_rank == 0:
        (folder.path / "worker.json").unlink(missing_ok=True)
    if config.device != "cpu":
        (folder.path / f"{config.machine_rank}-{ACCELERATE_CONFIG}").write_text(accelerate_config(config), "utf-8")
    command = worker_command(config, folder.path, models_dir)
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // _on_this_machine(config)))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, ENDS_WITH_LAUNCHER: "1"} | _MEETS_ANEW
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True) as group:
        try:
            with _stopping_by_file(folder):
                group.wait()
        finally:
            _end(group)
    end = folder.read("worker.json") or {"state": "failed", "reason": "it told no reason; log.txt may"}
    if end.get("kind") == "OutOfMemory":
        raise OutOfMemory(end["reason"], end["cure"])
    if group.returncode or end.get("state") == "failed":
        raise TrainingFailed(f"The run broke off: {end.get('reason', f'a process ended with {group.returncode}')}")
    return end


def _on_this_machine(config: TrainConfig) -> int:
    return config.num_processes // config.num_machines


@contextmanager
def _stopping_by_file(folder: JobFolder) -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into the wish that all processes obey at one step."""

    def wish(number: int, frame: Any) -> None:
        (folder.path / "stop").touch()

    before = {number: signal.signal(number, wish) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(group: subprocess.Popen[bytes]) -> None:
    """Leave nobody behind: the whole group ends with its first process."""
    with suppress(ProcessLookupError):
        os.killpg(group.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            group.wait(_END_GRACE_SECONDS)
        os.killpg(group.pid, signal.SIGKILL)
