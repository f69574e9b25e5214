"""Worker, supervisor and app of one training run are killed at random moments; tests/proof/training_after_kill.md."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from janus_space.job import Job
from janus_space.processes import ProcessMark
from tests.janus_space.job_doubles import wait_until
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder
from trainer.__main__ import run_train
from trainer.config import TrainConfig

ROOT = Path(__file__).parents[2]
STEPS, KILLS = 30, 20
VICTIMS = [
    ("worker",),
    ("worker",),
    ("supervisor",),
    ("app",),
    ("worker", "supervisor"),
    ("app", "worker", "supervisor"),
]


def losses(folder: Path) -> list[tuple[int, float]]:
    events = Job("train", folder.name, folder).events()
    return [(event["step"], event["loss"]) for event in events if event["event"] == "step"]


def app(*arguments: object) -> subprocess.Popen[bytes]:
    """Start what stays with a job until it ends."""
    command = [sys.executable, "-m", "janus_space", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(mark: ProcessMark | None) -> bool:
    """Kill a process with its group, where it is alive; each of the three has a group of its own."""
    if mark is None or not mark.is_alive:
        return False
    with suppress(ProcessLookupError):
        os.killpg(mark.pid, signal.SIGKILL)
    wait_until(lambda: not mark.is_alive)
    return True


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_twenty_kills_of_worker_supervisor_and_app_change_no_digit(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    values = {
        "method": "sft",
        "model": f"path:{tiny_llama(tmp_path / 'llama')}",
        "dataset": str(dataset_folder(tmp_path / "rows")),
        "max_steps": STEPS,
        "save_steps": 4,
        "learning_rate": 0.001,
        "lora_dropout": 0.1,
        "roundtrip_prompts": 2,
        "device": "cpu",
    }
    config.write_text(yaml.safe_dump(values), "utf-8")
    run_train(TrainConfig.load(config), tmp_path / "undisturbed")
    out = tmp_path / "out"
    job = Job("train", "out", out)
    chance = random.Random(3)
    met = {"worker": 0, "supervisor": 0, "app": 0}
    watching = app("train", config, "--out", out)

    def reached(goal: int) -> bool:
        """Look how far the run is; where nobody is at it any more, and nobody has noticed, somebody goes on with it."""
        nonlocal watching
        if not job.is_live and watching.poll() is not None and job.status != "finished":
            watching = app("resume", "out")
        return job.status == "finished" or (losses(out) or [(0, 0.0)])[-1][0] >= goal

    for number in range(KILLS):
        goal = STEPS * (number + 1) // (KILLS + 1)
        wait_until(lambda goal=goal: reached(goal), 900)
        time.sleep(chance.random() * 0.2)
        for victim in chance.choice(VICTIMS):
            mark = ProcessMark.of(watching.pid) if victim == "app" else getattr(job.work, victim)
            met[victim] += kill(mark)
        watching.poll()
    wait_until(lambda: reached(STEPS) and job.status == "finished" and not job.is_live, 900)
    watching.wait(60)
    assert losses(out) == losses(tmp_path / "undisturbed")
    assert [step for step, _ in losses(out)] == list(range(1, STEPS + 1))
    adapters = [
        (folder / "adapter" / "adapter_model.safetensors").read_bytes() for folder in (out, tmp_path / "undisturbed")
    ]
    assert adapters[0] == adapters[1]
    begun = sum(event["event"] == "started" for event in job.events())
    sys.stdout.write(f"killed alive: {met}; the run began {begun} times\n")
