"""A run that is killed, stopped or damaged goes on as if nothing had happened: the same losses to the last digit."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.forked import Forked

STEPS = 30


def write_config(folder: Path, model: Path, dataset: Path, **options: Any) -> Path:
    values = {
        "method": "sft",
        "model": f"path:{model}",
        "dataset": str(dataset),
        "max_steps": STEPS,
        "save_steps": 4,
        "learning_rate": 0.001,
        "lora_dropout": 0.1,  # a run that forgets its random state is found out
        "gradient_accumulation_steps": 2,
        "held_out_instructions": 2,
        "steerability_steps": 7,
        "roundtrip_prompts": 2,
        "device": "cpu",
    }
    folder.mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in (values | options).items()))
    return config


class Command:
    """`python -m trainer train` in a process of its own."""

    def __init__(self, config: Path, out: Path) -> None:
        arguments = ["train", str(config), "--out", str(out), "--json"]
        self.log = out.parent / f"{out.name}.log"
        self._told = out.parent / f"{out.name}.told"
        self._told.unlink(missing_ok=True)
        self.process = self.run(arguments)

    def run(self, arguments: list[str]) -> Any:
        return Forked(*arguments, stdout=self._told, stderr=self.log)

    def end(self) -> int:
        return int(self.process.wait(timeout=150))

    def told(self) -> dict[str, Any]:
        assert self.end() == 0, self.log.read_text()[-2000:]
        return json.loads(self._told.read_text())[0]


class CommandFromTheShell(Command):
    """The same, as a person starts it: Python begins anew each time, which costs many seconds."""

    def run(self, arguments: list[str]) -> Any:
        with self.log.open("ab") as log, self._told.open("wb") as told:
            return subprocess.Popen(
                [sys.executable, "-m", "trainer", *arguments], stdout=told, stderr=log, start_new_session=True
            )


def events(out: Path, kind: str = "step") -> list[dict[str, Any]]:
    try:
        lines = (out / "events.jsonl").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # torn by a kill
    return [event for event in found if event["event"] == kind]


def losses(out: Path) -> list[tuple[int, float]]:
    return [(event["step"], event["loss"]) for event in events(out)]


def weights(out: Path) -> str:
    return hashlib.sha256((out / "adapter" / "adapter_model.safetensors").read_bytes()).hexdigest()


def await_step(command: Command, out: Path, step: int) -> None:
    """Wait until a step was told, or the process has ended."""
    deadline = time.monotonic() + 120
    while command.process.poll() is None and (not events(out) or events(out)[-1]["step"] < step):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def prove_kills(
    folder: Path, model: Path, dataset: Path, moments: list[int], chance: random.Random, start: type[Command] = Command
) -> int:
    """Kill a run with -9 some moments after each of these steps; return how many kills met it alive."""
    config = write_config(folder, model, dataset)
    killed, undisturbed = folder / "killed", folder / "undisturbed"
    start(config, undisturbed).told()
    met_alive = 0
    for step in moments:
        command = start(config, killed)
        await_step(command, killed, step)
        time.sleep(chance.random() * 0.06)  # it may be saving, or have ended
        if command.process.poll() is None:
            met_alive += 1
            os.killpg(command.process.pid, signal.SIGKILL)
        command.end()
    start(config, killed).told()
    assert losses(killed) == losses(undisturbed)
    assert [step for step, _ in losses(killed)] == list(range(1, STEPS + 1))
    assert not events(killed, "recomputed")
    assert weights(killed) == weights(undisturbed)
    curves = [[{**e, "time": 0} for e in events(out, "steerability")] for out in (killed, undisturbed)]
    assert curves[0] == curves[1]
    return met_alive


def test_three_kills_change_no_digit(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    assert prove_kills(tmp_path, tiny["llama"], collection, [5, 13, 22], random.Random(7)) == 3


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_twenty_kills_change_no_digit(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    chance = random.Random(11)
    moments = sorted(chance.sample(range(1, STEPS), 20))
    met_alive = prove_kills(tmp_path, tiny["llama"], collection, moments, chance, CommandFromTheShell)
    steps = events(tmp_path / "killed", "started")
    assert len(steps) > 1
    assert met_alive > len(moments) // 2
    sys.stdout.write(f"{met_alive} of 20 kills met the run alive; it began {len(steps)} times\n")


def test_a_stop_saves_and_the_same_command_goes_on(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    """By file, then by signal, then to the end; a torn newest checkpoint on the way falls back to the one before."""
    config = write_config(tmp_path, tiny["mistral"], collection)
    Command(config, tmp_path / "undisturbed").told()
    out = tmp_path / "stopped"
    command = Command(config, out)
    await_step(command, out, 3)
    (out / "stop").touch()
    told = command.told()
    assert told["state"] == "stopped"
    stopped_at = told["steps"]
    assert (out / "checkpoints" / f"checkpoint-{stopped_at}" / "manifest.json").exists()

    command = Command(config, out)
    await_step(command, out, stopped_at + 9)
    os.kill(command.process.pid, signal.SIGTERM)
    told = command.told()
    assert told["state"] == "stopped"

    newest = out / "checkpoints" / f"checkpoint-{told['steps']}"
    torn = newest / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:-100])
    assert Command(config, out).told()["state"] == "done"
    assert events(out, "started")[-1]["step"] < told["steps"]
    assert losses(out) == losses(tmp_path / "undisturbed")
    assert weights(out) == weights(tmp_path / "undisturbed")

    again = Command(config, out).told()  # what is done is not done twice
    assert again["state"] == "done"
    assert len(events(out, "started")) == 3

    other = write_config(tmp_path / "other", tiny["mistral"], collection, learning_rate=0.01)
    command = Command(other, out)
    assert command.end() == 2
    assert "another learning_rate" in command.log.read_text()
