"""Every recipe on the real embedded model, from the command line to the engine's column; tests/proof/recipes.md."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from data_gen.chat import Conversation
from janus_space.engine.process import EnginePool
from janus_space.engine.scores import ScoreItem, score
from janus_space.home import Home
from trainer.chat_template import render
from trainer.model import load_tokenizer
from trainer.model_spec import ModelSpec

ROOT = Path(__file__).parents[2]
MINI = ROOT / "assets" / "multifaceted_mini" / "train.jsonl"
BASE = "embedded:smollm2"

pytestmark = [pytest.mark.proof, pytest.mark.real_model, pytest.mark.timeout(3600)]


class House(NamedTuple):
    """A home with the embedded model in it, a small dataset folder, and the engines."""

    home: Path
    dataset: Path
    systems: list[str]
    engines: EnginePool


@pytest.fixture(scope="module")
def house(embedded_models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "home").mkdir()
    (folder / "home" / "models").symlink_to(embedded_models_dir)
    rows = [json.loads(line) for line in MINI.read_text("utf-8").splitlines()[:4]]
    short = [row | {"system": row["system"][:240], "output": row["output"][:160]} for row in rows]
    pairs = [
        {**{name: row[name] for name in ("system", "prompt")}, "chosen": row["output"], "rejected": other["output"]}
        for row, other in zip(short, [*short[1:], short[0]], strict=True)
    ]
    dataset = folder / "dataset"
    dataset.mkdir()
    for name, table in (("sft", short), ("pairs", pairs)):
        (dataset / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    engines = EnginePool(Home.at(folder / "home"))
    yield House(folder / "home", dataset, [row["system"] for row in short], engines)
    engines.close()


@pytest.mark.parametrize(
    ("method", "tuning", "learning_rate"),
    [
        ("sft", "lora", 1e-3),
        ("dpo", "lora", 2e-4),
        ("orpo", "lora", 5e-4),
        ("reward", "lora", 5e-4),
        ("sft", "full", 5e-5),
        ("sft", "qlora", 1e-3),
    ],
)
def test_a_recipe_on_the_embedded_model(
    house: House, tmp_path: Path, method: str, tuning: str, learning_rate: float
) -> None:
    steps = 5 if tuning == "qlora" else 6
    values = {"method": method, "model": BASE, "dataset": str(house.dataset), "max_steps": steps, "tuning": tuning}
    values |= {"learning_rate": learning_rate, "max_length": 256, "per_device_train_batch_size": 2, "device": "cpu"}
    values |= {"warmup_steps": 0, "roundtrip_prompts": 3, "save_steps": 100, "steerability_steps": 0}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(values), "utf-8")
    out = tmp_path / "job"
    began = time.monotonic()
    command = [sys.executable, "-m", "trainer", "train", str(config), "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env=_environment(house), capture_output=True, text=True, timeout=3000, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "step"]
    assert len(losses) == steps
    assert sum(losses[-2:]) < sum(losses[:2])
    proof = json.loads((out / "roundtrip.json").read_text())
    assert proof["is_same"]
    _the_system_message_is_in_the_ids(house, proof["stored"])
    differs = None
    if method != "reward" and tuning != "qlora":  # a reward model has no column; the engine's base is not of 4 bits
        differs = _difference_in_the_column(house, out, tuning, proof["stored"])
        assert differs < 1e-3
    told = {"method": method, "tuning": tuning, "losses": [round(loss, 4) for loss in losses]}
    told |= {name: proof[name] for name in ("loaded_difference", "merged_difference") if name in proof}
    told |= {"column_difference": differs, "seconds": round(time.monotonic() - began)}
    sys.stdout.write(f"{json.dumps(told)}\n")


def _environment(house: House) -> dict[str, str]:
    return os.environ | {"JANUS_HOME": str(house.home)}


def _the_system_message_is_in_the_ids(house: House, stored: list[dict[str, Any]]) -> None:
    tokenizer = load_tokenizer(ModelSpec.parse(BASE), house.home / "models", lambda words: None)
    for one in stored:
        (system,) = [message["content"] for message in one["messages"] if message["role"] == "system"]
        assert system in house.systems
        assert system in tokenizer.decode(render(tokenizer, one["messages"]).token_ids)


def _difference_in_the_column(house: House, out: Path, tuning: str, stored: list[dict[str, Any]]) -> float:
    """Score the stored answers by the engine that a column asks, and compare with what the trainer had at its save."""
    base, spec = (BASE, f"{BASE}+{out / 'adapter'}") if tuning == "lora" else (f"path:{out / 'model'}",) * 2
    items = [ScoreItem(Conversation.model_validate({"messages": one["messages"]}), one["answer"]) for one in stored]

    async def means() -> list[float]:
        async with house.engines.lease(base, "cpu", lambda _: None) as engine:
            return [one.mean for one in await score(engine, spec, items)]

    return max(abs(found - one["score"]) for found, one in zip(asyncio.run(means()), stored, strict=True))
