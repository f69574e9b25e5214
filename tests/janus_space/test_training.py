"""Training jobs from the command line: real processes, a tiny model."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_gen.chat import Conversation
from janus_space.engine.process import EnginePool
from janus_space.engine.scores import ScoreItem
from janus_space.errors import UnknownModel
from janus_space.home import Home
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.scorer import Scorer
from janus_space.training import devices_of, load_config, start_train
from tests.janus_space.job_doubles import ended, janus, row, wait_until
from tests.tiny_models import tiny_llama
from tests.trainer.sample_rows import dataset_folder, sft_rows, write_jsonl
from trainer.config import TrainConfig
from trainer.errors import BadConfig

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("train")
    return {"model": f"path:{tiny_llama(folder / 'llama')}", "dataset": str(dataset_folder(folder / "rows"))}


def written(folder: Path, **values: Any) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"method": "sft", "roundtrip_prompts": 4, "device": "cpu", **values}), "utf-8")
    return path


def steps(folder: Path) -> list[int]:
    return [event["step"] for event in Job("train", folder.name, folder).events() if event["event"] == "step"]


def test_train_waits_tells_and_gives_one_row_and_the_same_command_finds_it_done(
    tmp_path: Path, janus_home: Path, tiny: dict[str, str]
) -> None:
    out = tmp_path / "out"
    write_jsonl(tmp_path / "mine.jsonl", sft_rows())
    config = written(
        tmp_path, **tiny | {"dataset": "mine.jsonl"}, max_steps=4, learning_rate=0.01
    )  # relative to where it is asked
    end = row(done := janus("train", config, "--out", out, "--json", cwd=tmp_path))
    assert (end["status"], end["job"], end["steps"]) == ("finished", "train/out", 4)
    assert "36 rows to train on" in done.stderr
    assert (out / "adapter" / "adapter_model.safetensors").exists()
    assert steps(out) == [1, 2, 3, 4]
    assert row(janus("train", config, "--out", out, "--json", cwd=tmp_path))["status"] == "finished"
    assert steps(out) == [1, 2, 3, 4]
    other = written(tmp_path, **tiny | {"dataset": "mine.jsonl"}, max_steps=5, learning_rate=0.01)
    asyncio.run(_answers_as_it_was_trained(Job("train", "out", out), janus_home, tiny["model"]))
    refused = janus("train", other, "--out", out, cwd=tmp_path)
    assert refused.returncode == 2
    assert "another max_steps (4, not 5)" in refused.stderr
    assert "name another folder" in refused.stderr


async def _answers_as_it_was_trained(job: Job, home: Path, base: str) -> None:
    """Hold the engine's scores under job:out to those that the trainer wrote down before it saved."""
    stored = json.loads((job.folder / "roundtrip.json").read_text("utf-8"))["stored"]
    items = [ScoreItem(Conversation.model_validate({"messages": one["messages"]}), one["answer"]) for one in stored]
    with closing(EnginePool(Home.at(home), threads=1)) as engines:
        models = Models(Home.at(home), engines)
        means = {}
        for spec in ("job:out", base):
            async with Scorer.of(models, spec, "cpu").ready(lambda _: None) as score:
                means[spec] = [one.mean for one in await score(items)]
        with pytest.raises(UnknownModel, match=r"no training job 'nothing' here; finished are job:out"):
            models.chat_model("job:nothing")
    assert means["job:out"] == pytest.approx([one["score"] for one in stored], abs=1e-3)
    assert means[base] != pytest.approx(means["job:out"], abs=1e-2)


def test_detached_attached_stopped_and_resumed(tmp_path: Path, janus_home: Path, tiny: dict[str, str]) -> None:
    out = tmp_path / "long"
    config = written(tmp_path, **tiny, max_steps=120, steerability_steps=0)
    begun = row(janus("train", config, "--out", out, "--detach", "--json"))
    assert begun["status"] in ("queued", "running")
    (job,) = Jobs(Home.at(janus_home)).list()
    assert job.work is not None
    assert job.work.devices == ("cpu",)
    wait_until(lambda: len(steps(out)) > 2, 120)
    again = row(janus("train", config, "--out", out, "--detach", "--json"))
    assert (again["job"], again["status"]) == ("train/long", "running")
    assert again["progress"]["step"] > 2
    row(janus("stop", "long", "--json"))
    assert ended(job).status == "stopped"
    done_by_then = len(steps(out))
    assert done_by_then < 120
    assert (out / "checkpoints" / f"checkpoint-{done_by_then}").is_dir()
    assert row(janus("resume", "long", "--json"))["steps"] == 120
    assert steps(out) == list(range(1, 121))
    assert f"Going on from step {done_by_then}" in "\n".join(job.log())


def test_rows_that_cannot_be_trained_on_are_named_and_no_job_is_made(tmp_path: Path, tiny: dict[str, str]) -> None:
    rows = sft_rows()
    rows[2]["output"] = ""
    config = written(tmp_path, **tiny | {"dataset": str(write_jsonl(tmp_path / "bad.jsonl", rows))}, max_steps=2)
    refused = janus("train", config)
    assert refused.returncode == 2
    assert "Row 3 of bad.jsonl, column 'output', is empty" in refused.stderr
    assert "There are no jobs yet" in janus("jobs").stdout


def test_a_stop_while_it_loads_is_obeyed(tmp_path: Path, janus_home: Path, tiny: dict[str, str]) -> None:
    jobs = Jobs(Home.at(janus_home))
    job = start_train(jobs, load_config(written(tmp_path, **tiny, max_steps=500)), tmp_path / "out")
    wait_until(lambda: job.work is not None and job.work.worker is not None)
    jobs.stop(job)
    assert ended(job).status == "stopped"
    assert len(steps(job.folder)) <= 1


def test_a_run_may_begin_with_what_another_has_made(tmp_path: Path, janus_home: Path, tiny: dict[str, str]) -> None:
    jobs = Jobs(Home.at(janus_home))
    for name, method in (("mine", "sft"), ("judge", "reward")):
        folder = janus_home / "jobs/train" / name
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(json.dumps({**tiny, "method": method}))
        (folder / "exit.json").write_text(json.dumps({"state": "done", "result": str(folder / "adapter")}))

    def model(**values: str) -> str:
        return load_config(written(tmp_path, **{**tiny, **values}), jobs).model

    begun = f"{tiny['model']}+{janus_home}/jobs/train"
    assert model(model="job:mine", method="dpo") == f"{begun}/mine/adapter"
    assert model(model="job:judge", method="reward") == f"{begun}/judge/adapter", "the second stage of a reward model"
    assert model() == tiny["model"]
    with pytest.raises(UnknownModel, match="job:judge is a reward model"):
        model(model="job:judge", method="dpo")
    with pytest.raises(BadConfig, match=r"config.yaml: .*qlora cannot start from an adapter"):
        model(model="job:mine", tuning="qlora")
    with pytest.raises(BadConfig, match=r"config.yaml: beta: Input should be greater than 0"):
        model(model="job:mine", method="dpo", beta="-1")
    (janus_home / "jobs/train/mine/merged").mkdir()
    assert model(model="job:mine", tuning="qlora") == f"path:{janus_home}/jobs/train/mine/merged"


def test_a_run_waits_for_its_own_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: dict[str, str]) -> None:
    def asked(**values: Any) -> TrainConfig:
        return TrainConfig.read({"method": "sft", **tiny, **values})

    assert devices_of(asked()) == ("cpu",)
    driver = tmp_path / "nvidia-smi"
    driver.write_text(
        '#!/bin/sh\ncase "$1" in --query-gpu*) for n in 0 1; do echo "id$n, $n, H200, 100, 90, 0"; done;; esac\n'
    )
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert devices_of(asked()) == ("cuda:0",)
    assert devices_of(asked(device="cuda:1")) == ("cuda:1",)
    assert devices_of(asked(device="cpu")) == ("cpu",)
    assert devices_of(asked(num_processes=2)) == ("cuda:0", "cuda:1")
    with pytest.raises(BadConfig, match="there is no cuda:5 here"):
        devices_of(asked(device="cuda:5"))
    with pytest.raises(BadConfig, match="4 GPUs are wanted"):
        devices_of(asked(num_processes=4))
