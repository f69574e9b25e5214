"""A run that really runs out of memory, and what comes of its retry."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from janus_space.errors import JobRefused
from janus_space.home import Home
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.retry import retry, with_changes
from janus_space.training import load_config, start_train
from tests.janus_space.job_doubles import ended, wait_until
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder, sft_rows, write_jsonl

ROOT = Path(__file__).parents[2]
HALVED = {"per_device_train_batch_size": 18, "gradient_accumulation_steps": 2}
ROOM_BYTES = 2 * 10**9  # enough for torch itself, not for 36 rows of 1,900 tokens
PATIENCE_SECONDS = 300.0

pytestmark = pytest.mark.timeout(900)


def written(folder: Path, **values: Any) -> Path:
    tiny = {"method": "sft", "model": f"path:{tiny_llama(folder / 'llama')}", "device": "cpu", "steerability_steps": 0}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**tiny, "roundtrip_prompts": 0, **values}), "utf-8")
    return path


def in_little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, ROOM_BYTES))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to an amount of memory")
def test_out_of_memory_is_told_and_retried_with_half_the_batch(tmp_path: Path, janus_home: Path) -> None:
    long = [row | {"output": f"{row['output']} " * 80} for row in sft_rows()]
    config = written(
        tmp_path,
        dataset=str(write_jsonl(tmp_path / "long.jsonl", long)),
        max_steps=1,
        max_length=1900,
        per_device_train_batch_size=36,
    )
    asked = subprocess.run(
        [sys.executable, "-m", "janus_space", "train", str(config), "--json"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        preexec_fn=in_little_memory,
        timeout=300,
    )
    (row,) = json.loads(asked.stdout)
    assert (row["status"], row["kind"], row["cure"]) == ("failed", "OutOfMemory", HALVED), asked.stderr
    assert row["error"].startswith("The memory of cpu is too small for this run")
    jobs = Jobs(Home.at(janus_home))
    first = jobs.find(row["job"])
    second = retry(jobs, first)
    try:
        assert second.name == f"{first.name}-2"
        assert {name: second.request[name] for name in HALVED} == HALVED
        assert {name for name in first.request if first.request[name] != second.request.get(name)} >= HALVED.keys()
        wait_until(lambda: second.status == "running", PATIENCE_SECONDS)
    finally:
        jobs.kill(second)
    assert ended(second).status == "stopped"
    with pytest.raises(JobRefused, match="did not end for want of memory"):
        retry(jobs, second)


def steps(job: Job) -> list[tuple[int, float]]:
    return [(event["step"], event["loss"]) for event in job.events() if event["event"] == "step"]


@pytest.mark.proof
def test_it_goes_on_from_the_last_checkpoint_with_the_same_steps(tmp_path: Path, janus_home: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    data = str(dataset_folder(tmp_path / "rows"))
    config = load_config(written(tmp_path, dataset=data, max_steps=16, save_steps=4, per_device_train_batch_size=4))
    whole = ended(start_train(jobs, config, jobs.new_folder("train", "whole")), PATIENCE_SECONDS)
    assert whole.status == "finished"
    cut = start_train(jobs, config, jobs.new_folder("train", "cut"))
    wait_until(lambda: len(steps(cut)) > 5, PATIENCE_SECONDS)
    jobs.kill(cut)
    ended(cut)
    (cut.folder / "exit.json").write_text(json.dumps({"state": "failed", "kind": "OutOfMemory", "cure": {}}))
    before = sorted(path.name for path in (cut.folder / "checkpoints").iterdir())
    half = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    again = ended(with_changes(jobs, cut, half), PATIENCE_SECONDS)
    assert again.status == "finished", again.log()
    assert "Going on from step" in "\n".join(again.log())
    assert [step for step, _ in steps(again)] == list(range(1, 17))
    for (_, expected), (_, found) in zip(steps(whole), steps(again), strict=True):
        assert found == pytest.approx(expected, rel=2e-3)
    assert sorted(path.name for path in (cut.folder / "checkpoints").iterdir()) == before, "the first run keeps its own"
