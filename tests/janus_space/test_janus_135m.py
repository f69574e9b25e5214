"""The model in the box: how long it takes to load, and examples of it chosen by a rule (tests/proof/janus_examples.md).

The rule: of the held-out instructions, those whose names have the smallest SHA-256, each under the first of its
messages; which model stands first follows from the same checksum. Whoever reads them can guess before the key.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data_gen.chat import Completion, Conversation, Sampling
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models

ROOT = Path(__file__).parents[2]
TEST = ROOT / "assets" / "multifaceted_mini" / "test.jsonl"
COMMITTED = ROOT / "tests" / "proof" / "janus_examples.md"
MODELS = ("embedded:smollm2", "embedded:janus-135m")
COUNT = 4


def checksum(row: dict[str, Any]) -> str:
    return hashlib.sha256(row["instruction_id"].encode()).hexdigest()


def chosen() -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in TEST.read_text("utf-8").splitlines()]
    first = {row["instruction_id"]: row for row in reversed(rows)}
    return sorted(first.values(), key=checksum)[:COUNT]


def order(row: dict[str, Any]) -> tuple[int, int]:
    return (0, 1) if int(checksum(row), 16) % 2 else (1, 0)


def test_the_committed_examples_are_those_of_the_rule() -> None:
    told = COMMITTED.read_text("utf-8")
    places = [told.find(row["system"]) for row in chosen()]
    assert -1 not in places
    assert places == sorted(places)
    assert told.count("### Answer 1") == told.count("### Answer 2") == COUNT
    key = [f"{number}. Answer 1: `{MODELS[order(row)[0]]}`" for number, row in enumerate(chosen(), 1)]
    assert [line for line in told.splitlines() if ". Answer 1: " in line] == key


@pytest.mark.proof
@pytest.mark.real_model
def test_once_its_base_is_in_memory_it_is_loaded_in_two_seconds(embedded_models_dir: Path, janus_home: Path) -> None:
    janus_home.mkdir()
    (janus_home / "models").symlink_to(embedded_models_dir)
    home = Home.at(janus_home)
    pool = EnginePool(home)

    async def seconds(spec: str) -> float:
        began = time.monotonic()
        asked = Models(home, pool).chat_model(spec, "cpu").stream(Conversation.ask("Hi"), Sampling(max_new_tokens=1))
        assert [one async for one in asked if isinstance(one, Completion)]
        return time.monotonic() - began

    async def measured() -> list[float]:
        return [await seconds(spec) for spec in (MODELS[0], MODELS[0], MODELS[1], MODELS[1])]

    try:
        _, base, first, again = asyncio.run(measured())
    finally:
        pool.close()
    sys.stdout.write(f"a token of the base {base:.2f} s; of the adapter {first:.2f} s at first, {again:.2f} s later\n")
    assert first - again < 2
    assert first < 2.5


@pytest.mark.proof
@pytest.mark.real_model
@pytest.mark.timeout(3600)
def test_the_examples_are_written(embedded_models_dir: Path, janus_home: Path) -> None:
    janus_home.mkdir()
    (janus_home / "models").symlink_to(embedded_models_dir)
    parts, key = [], []
    for number, row in enumerate(chosen(), 1):
        answers = ask(row)
        assert all(answers)
        first, second = order(row)
        parts += [f"## {number}. {row['prompt']}", f"> {row['system']}"]
        parts += ["### Answer 1", answers[first], "### Answer 2", answers[second]]
        key.append(f"{number}. Answer 1: `{MODELS[first]}`")
    sys.stdout.write("\n\n".join(parts) + "\n\n## Key\n\n" + "\n".join(key) + "\n")


def ask(row: dict[str, Any]) -> list[str]:
    command = [sys.executable, "-m", "janus_space", "compare", "--json", "--seed", "0", "--max-new-tokens", "200"]
    for model in MODELS:
        command += ["--model", model]
    command += ["--system", row["system"], "--prompt", row["prompt"]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=True)
    return [one["text"].strip() for one in json.loads(done.stdout)]
