"""What a run will take, asked of real processes: one that fits, and one on a machine that is made too small for it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import sft_rows, write_jsonl

ROOT = Path(__file__).parents[2]
ROOM_BYTES = 2 * 10**9  # enough for torch itself, not for 36 rows of 1,900 tokens
ASK = """
import asyncio, json, sys
from pathlib import Path
from janus_space.estimates import estimate
from janus_space.home import Home
from janus_space.remedies import remedies
from trainer.config import TrainConfig
config = TrainConfig.load(Path(sys.argv[1]))
found = asyncio.run(estimate(config, Home.at(None)))
ways = [way.says for way in remedies(config, found)]
print(json.dumps({"fits": found.asked.fits, "cure": found.cure, "says": found.sentence, "ways": ways}))
"""

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


def asked(config: Path, room_bytes: int | None) -> dict[str, object]:
    def in_little_memory() -> None:
        if room_bytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (room_bytes, room_bytes))

    done = subprocess.run(
        [sys.executable, "-c", ASK, str(config)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        preexec_fn=in_little_memory,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_what_does_not_fit_comes_with_buttons_for_what_would(tmp_path: Path) -> None:
    long = [row | {"output": f"{row['output']} " * 80} for row in sft_rows()]
    values = {
        "method": "sft",
        "model": f"path:{tiny_llama(tmp_path / 'llama')}",
        "dataset": str(write_jsonl(tmp_path / "long.jsonl", long)),
        "device": "cpu",
        "max_steps": 4,
        "max_length": 1900,
        "per_device_train_batch_size": 36,
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(values))  # JSON is YAML
    found = asked(config, ROOM_BYTES)
    assert found["fits"] is False
    assert found["cure"] == {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 36}
    assert found["ways"] == [
        "batches of 1, 36 summed up before each step",
        "half the batch and twice the accumulation",
        "activation checkpointing",
        "rows of at most 950 tokens",
    ]
    config.write_text(json.dumps(values | {"per_device_train_batch_size": 2}))
    fits = asked(config, None)
    assert (fits["fits"], fits["ways"]) == (True, [])
    assert "4 steps of" in str(fits["says"])
