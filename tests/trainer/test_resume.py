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


def start(config: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trainer", "train", str(config), "--out", str(out), "--json"]
    with (out.parent / f"{out.name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)


def finish(config: Path, out: Path) -> dict[str, Any]:
    process = start(config, out)
    told, _ = process.communicate(timeout=150)
    assert process.returncode == 0, (out.parent / f"{out.name}.log").read_text()[-2000:]
    return json.loads(told)[0]


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


def kill_once_at(config: Path, out: Path, step: int, later_seconds: float) -> None:
    """Kill the whole group with -9 some moments after a step was told; it may be saving, or have ended."""
    process = start(config, out)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if events(out) and events(out)[-1]["step"] >= step:
            time.sleep(later_seconds)
            break
        time.sleep(0.002)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def prove_kills(folder: Path, model: Path, dataset: Path, kills: int, seed: int) -> None:
    config = write_config(folder, model, dataset)
    finish(config, folder / "undisturbed")
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(1, STEPS), kills))
    for step in moments:
        kill_once_at(config, folder / "killed", step, chance.random() * 0.06)
    finish(config, folder / "killed")
    assert losses(folder / "killed") == losses(folder / "undisturbed")
    assert [step for step, _ in losses(folder / "killed")] == list(range(1, STEPS + 1))
    assert not events(folder / "killed", "recomputed")
    assert weights(folder / "killed") == weights(folder / "undisturbed")
    curves = [[{**e, "time": 0} for e in events(folder / name, "steerability")] for name in ("killed", "undisturbed")]
    assert curves[0] == curves[1]


def test_three_kills_change_no_digit(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    prove_kills(tmp_path, tiny["llama"], collection, kills=3, seed=7)


@pytest.mark.proof
def test_twenty_kills_change_no_digit(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    prove_kills(tmp_path, tiny["llama"], collection, kills=20, seed=11)


def test_a_stop_saves_and_the_same_command_goes_on(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    """By file, then by signal, then to the end; a torn newest checkpoint on the way falls back to the one before."""
    config = write_config(tmp_path, tiny["mistral"], collection)
    finish(config, tmp_path / "undisturbed")
    out = tmp_path / "stopped"
    process = start(config, out)
    while not events(out) or events(out)[-1]["step"] < 3:
        assert process.poll() is None
        time.sleep(0.002)
    (out / "stop").touch()
    told = json.loads(process.communicate(timeout=60)[0])[0]
    assert told["state"] == "stopped"
    stopped_at = told["steps"]
    assert (out / "checkpoints" / f"checkpoint-{stopped_at}" / "manifest.json").exists()

    process = start(config, out)
    while events(out)[-1]["step"] < stopped_at + 9:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    told = json.loads(process.communicate(timeout=60)[0])[0]
    assert told["state"] == "stopped"

    newest = out / "checkpoints" / f"checkpoint-{told['steps']}"
    torn = newest / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:-100])
    assert finish(config, out)["state"] == "done"
    assert events(out, "started")[-1]["step"] < told["steps"]
    assert losses(out) == losses(tmp_path / "undisturbed")
    assert weights(out) == weights(tmp_path / "undisturbed")

    again = finish(config, out)  # what is done is not done twice
    assert again["state"] == "done"
    assert len(events(out, "started")) == 3

    other = write_config(tmp_path / "other", tiny["mistral"], collection, learning_rate=0.01)
    process = start(other, out)
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert "another learning_rate" in (tmp_path / "stopped.log").read_text()
