"""The adapter of a run put into its base: what is written, what is proved, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from janus_space import merge_worker
from janus_space.errors import JobRefused, UnknownModel
from janus_space.home import Home
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.merging import find_run, merge_of, proof_of, start_merge
from janus_space.training import resolved, result_of
from tests.janus_space.job_doubles import ended
from tests.janus_space.test_rewards import ANSWERS, ASKED, reward_run
from tests.tiny_models import tiny_llama, tiny_lora
from tests.trainer.sample_rows import sft_rows
from trainer.model_spec import ModelSpec

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


def finished(home: Path, name: str, base: Path, **request: Any) -> Job:
    """Write the folder of a run as its worker leaves it, with a random adapter and what that has said."""
    folder = home / "jobs/train" / name
    folder.mkdir(parents=True)
    asked = {"method": "sft", "model": f"path:{base}", "dataset": "rows.jsonl", "device": "cpu", **request}
    (folder / "request.json").write_text(json.dumps(asked))
    (folder / "exit.json").write_text(json.dumps({"state": "done", "result": str(folder / "adapter")}))
    if request.get("tuning") != "full":
        tiny_lora(base, folder / "adapter", seed=3)
        (folder / "roundtrip.json").write_text(json.dumps({"tolerance": 1e-3, "stored": stored(base, folder)}))
    return Job("train", name, folder)


def stored(base: Path, folder: Path) -> list[dict[str, Any]]:
    from peft import PeftModel

    from trainer.model import load_base
    from trainer.scoring import mean_logprobs, question

    loaded = load_base(ModelSpec("path", str(base)), folder, "cpu", lambda words: None)
    model = PeftModel.from_pretrained(loaded.model, folder / "adapter").eval()
    told = [
        {
            "messages": [{"role": "system", "content": row["system"]}, {"role": "user", "content": row["prompt"]}],
            "answer": row["output"],
        }
        for row in sft_rows()[:4]
    ]
    scores = mean_logprobs(model, [question(loaded.tokenizer, one["messages"], one["answer"]) for one in told])
    return [one | {"score": score} for one, score in zip(told, scores, strict=True)]


def test_a_merge_is_a_job_that_leaves_a_whole_model_and_its_proof(janus_home: Path, base: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    run = finished(janus_home, "mine", base)
    assert merge_of(jobs, run) is None
    job = start_merge(jobs, find_run(jobs, "job:mine"))
    assert ended(job, 240).status == "finished", job.log()
    assert merge_of(jobs, run) == job
    assert (run.folder / "merged" / "model.safetensors").is_file()
    assert not (run.folder / "merged" / "adapter_config.json").exists()
    proof = proof_of(run)
    assert (proof["prompts"], proof["is_same"]) == (4, True)
    assert proof["difference"] < 1e-3
    assert (job.end or {})["result"] == str(run.folder / "merged")
    assert start_merge(jobs, run).end == job.end, "what is merged is not merged again"
    assert resolved({"model": "job:mine", "tuning": "qlora"}, jobs)["model"] == f"path:{run.folder}/merged"
    assert resolved({"model": "job:mine"}, jobs)["model"] == f"path:{base}+{run.folder}/adapter"


def test_other_weights_than_the_runs_own_are_told(janus_home: Path, base: Path) -> None:
    run = finished(janus_home, "changed", base)
    told = json.loads((run.folder / "roundtrip.json").read_text())
    told["stored"][0]["score"] += 0.5
    (run.folder / "roundtrip.json").write_text(json.dumps(told))
    request = {"run": str(run.folder), "model": f"path:{base}+{run.folder}/adapter", "device": "cpu"}
    job = Jobs(Home.at(janus_home)).create("merge", request, janus_home / "jobs/merge/changed")
    assert merge_worker.main([str(job.folder)]) == 0
    assert proof_of(run)["is_same"] is False
    assert proof_of(run)["difference"] == pytest.approx(0.5, abs=1e-3)


def test_a_merge_that_breaks_off_leaves_nothing(janus_home: Path, base: Path) -> None:
    run = finished(janus_home, "broken", base)
    (run.folder / "adapter/adapter_model.safetensors").write_bytes(b"not weights")
    request = {"run": str(run.folder), "model": f"path:{base}+{run.folder}/adapter", "device": "cpu"}
    job = Jobs(Home.at(janus_home)).create("merge", request, janus_home / "jobs/merge/broken")
    assert merge_worker.main([str(job.folder)]) == 1
    assert "adapter_model.safetensors is damaged" in (job.end or {})["reason"]
    assert "fetch it again, or repeat the run that has made it" in (job.end or {})["reason"]
    assert not (run.folder / "merged").exists()
    assert proof_of(run) == {}


def test_a_reward_model_is_merged_and_rates_as_it_did(janus_home: Path, base: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    rewards = reward_run(janus_home, base)
    run = find_run(jobs, "judge")
    kept = [
        {"messages": ASKED.as_dicts(), "answer": answer, "score": score}
        for answer, score in zip(ANSWERS, rewards, strict=True)
    ]
    (run.folder / "roundtrip.json").write_text(json.dumps({"tolerance": 1e-3, "stored": kept}))
    request = {"run": str(run.folder), "model": str(result_of(run)), "device": "cpu"}
    job = jobs.create("merge", request, janus_home / "jobs/merge/judge-merged")
    assert merge_worker.main([str(job.folder)]) == 0, job.log()
    assert start_merge(jobs, run).end == job.end, "it is not refused, and not merged again"
    assert (proof_of(run)["prompts"], proof_of(run)["is_same"]) == (3, True)
    told = json.loads((run.folder / "merged" / "config.json").read_text())
    assert told["architectures"] == ["LlamaForSequenceClassification"]
    further = resolved({"model": "job:judge", "method": "reward", "tuning": "qlora"}, jobs)
    assert further["model"] == f"path:{run.folder}/merged"
    with pytest.raises(UnknownModel, match="scores answers and writes none"):
        resolved({"model": "job:judge", "method": "dpo", "tuning": "qlora"}, jobs)


def test_what_has_no_adapter_is_refused(janus_home: Path, base: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    with pytest.raises(JobRefused, match="trained all weights"):
        start_merge(jobs, finished(janus_home, "full", base, tuning="full"))
    unfinished = finished(janus_home, "unfinished", base)
    (unfinished.folder / "exit.json").unlink()
    with pytest.raises(UnknownModel, match="has no model yet"):
        start_merge(jobs, unfinished)
    with pytest.raises(JobRefused, match="There is no job 'nothing'"):
        find_run(jobs, "nothing")
