"""Worker, supervisor and app of one training run are killed at random moments; tests/proof/training_after_kill.md."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import yaml
from gradio_client import Client

from janus_space.job import Job
from janus_space.processes import ProcessMark
from tests.janus_space.job_doubles import wait_until
from tests.running_app import RunningApp, running_app
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder
from trainer.__main__ import run_train
from trainer.config import TrainConfig

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


class App:
    """The app as `make run` starts it, which is killed and started again; asked as a script asks it."""

    def __init__(self, home: Path, exits: ExitStack) -> None:
        self._home, self._exits = home, exits
        self._running: RunningApp | None = None

    def open(self) -> RunningApp:
        """Start it where it is not alive."""
        if self._running is None or self._running.process.poll() is not None:
            self._running = self._exits.enter_context(running_app(self._home))
        return self._running

    def ask(self, verb: str, **parameters: str) -> None:
        """Ask for a verb that returns at once."""
        Client(self.open().url, verbose=False).predict(**parameters, detach=True, api_name=f"/{verb}")

    def kill(self) -> bool:
        """Kill it alone, where it is alive."""
        if self._running is None or self._running.process.poll() is not None:
            return False
        self._running.process.kill()
        self._running.process.wait()
        return True


@pytest.fixture
def started(janus_home: Path) -> Iterator[App]:
    with ExitStack() as exits:
        yield App(janus_home, exits)


def kill(mark: ProcessMark | None) -> bool:
    """Kill a process with its group, where it is alive; worker and supervisor have a group of their own."""
    if mark is None or not mark.is_alive:
        return False
    with suppress(ProcessLookupError):
        os.killpg(mark.pid, signal.SIGKILL)
    wait_until(lambda: not mark.is_alive)
    return True


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_twenty_kills_of_worker_supervisor_and_app_change_no_digit(
    started: App, janus_home: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    values = {
        "method": "sft",
        "model": f"path:{tiny_llama(tmp_path / 'llama')}",
        "dataset": str(dataset_folder(tmp_path / "rows")),
        "max_steps": STEPS,
        "save_steps": 4,
        "gradient_accumulation_steps": 12,  # steps long enough to be cut in their middle
        "learning_rate": 0.001,
        "lora_dropout": 0.1,
        "roundtrip_prompts": 2,
        "device": "cpu",
    }
    config.write_text(yaml.safe_dump(values), "utf-8")
    run_train(TrainConfig.load(config), tmp_path / "undisturbed")
    out = janus_home / "jobs" / "train" / "out"
    job = Job("train", "out", out)
    chance = random.Random(3)
    met = {"worker": 0, "supervisor": 0, "app": 0}
    started.ask("train", config=str(config), out=str(out))

    def reached(goal: int) -> bool:
        """Look how far the run is; where nobody is at it any more, the app is asked to go on with it."""
        started.open()
        if not job.is_live and job.status != "finished":
            started.ask("resume", job="out")
        return job.status == "finished" or (losses(out) or [(0, 0.0)])[-1][0] >= goal

    for number in range(KILLS):
        goal = STEPS * (number + 1) // (KILLS + 1)
        wait_until(lambda goal=goal: reached(goal), 900)
        time.sleep(chance.random() * 0.2)
        for victim in chance.choice(VICTIMS):
            met[victim] += started.kill() if victim == "app" else kill(getattr(job.work, victim))
    wait_until(lambda: reached(STEPS) and job.status == "finished" and not job.is_live, 900)
    assert losses(out) == losses(tmp_path / "undisturbed")
    assert [step for step, _ in losses(out)] == list(range(1, STEPS + 1))
    adapters = [
        (folder / "adapter" / "adapter_model.safetensors").read_bytes() for folder in (out, tmp_path / "undisturbed")
    ]
    assert adapters[0] == adapters[1]
    assert min(met.values()) >= 3
    begun = sum(event["event"] == "started" for event in job.events())
    sys.stdout.write(f"killed alive: {met}; the run began {begun} times\n")
