"""A finished run published in this process: what goes, what its card says, and what is asked where a check failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from huggingface_hub import constants

from data_gen.job_folder import JobFolder
from janus_space.errors import PublishRefused
from janus_space.home import Home
from janus_space.publish import model_packing
from janus_space.publish.hub import Hub
from janus_space.publish.snippet import Trial
from janus_space.publish.sources import front_matter
from janus_space.publish.work import Work, publish
from janus_space.publish_order import PublishJob
from tests.hub import LocalHub
from tests.tiny_models import tiny_llama, tiny_lora
from trainer.config import TrainConfig

BASE = "tester/tiny-base"
SYSTEMS = ("Answer like a pirate.", "You are a lawyer.")
PROMPT = "Why is the sky blue?"


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what became of the card's code, which takes seconds to run: it does in test_model.py."""

    def say(*answers: str, error: str | None = None) -> None:
        told = Trial(answers[0] if answers else "", answers, error)
        monkeypatch.setattr(model_packing, "tried", lambda *_: told)

    return say


@pytest.fixture
def home(tmp_path: Path, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> Home:
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, local_hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", local_hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    local_hub.add(BASE, tiny_llama(tmp_path / "base"))
    return Home.at(tmp_path / "janus-home")


def run(home: Home, base: Path, *, model: str = f"hf:{BASE}", **told: Any) -> Path:
    """Write the folder of a finished run as its worker leaves it; its adapter is a real one."""
    from transformers import AutoTokenizer

    from trainer.roundtrip import loaded_again, remembered
    from trainer.scoring import mean_logprobs, question

    folder = home.jobs / "train" / "mine"
    adapter = tiny_lora(base, folder / "adapter", seed=1)
    AutoTokenizer.from_pretrained(base).save_pretrained(adapter)
    settled = adapter / "adapter_config.json"
    settled.write_text(json.dumps(json.loads(settled.read_text()) | {"base_model_name_or_path": BASE}))
    (adapter / "training_args.bin").write_bytes(b"pickle")
    config = TrainConfig(method="sft", model=model, dataset=f"{home.folder}/datasets/voices", device="cpu", bf16=False)
    (adapter / "train_request.json").write_text(config.model_dump_json())
    (folder / "request.json").write_text(config.model_dump_json())
    (folder / "exit.json").write_text(json.dumps({"state": "done", "result": str(adapter)}))
    stored = [
        {"messages": [{"role": "system", "content": system}, {"role": "user", "content": PROMPT}], "answer": "Because."}
        for system in SYSTEMS
    ]
    local = config.model_copy(update={"model": f"path:{base}"})
    loaded, tokenizer = loaded_again(local, adapter, home.models, lambda _: None)
    again = remembered([one | {"score": 0.0} for one in stored], adapter)
    scores = mean_logprobs(loaded, [question(tokenizer, row.messages, row.answers[0]) for row in again.rows])
    proof = {"prompts": 2, "is_same": True, "tolerance": 0.001, "loaded_difference": 0.0}
    proof["stored"] = [one | {"score": score} for one, score in zip(stored, scores, strict=True)]
    (folder / "roundtrip.json").write_text(json.dumps(proof | told))
    steps = [{"event": "step", "step": step, "loss": 3.0 - step / 10} for step in range(1, 6)]
    margin = {"event": "steerability", "step": 5, "margin": [0.4, 0.3, 0.5], "shuffled": [0.0, -0.1, 0.1]}
    (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (*steps, margin)))
    return folder


def asked(home: Home, hub: Hub, name: str, *accepted: str, **request: Any) -> dict[str, Any]:
    folder = home.jobs / "publish" / name
    folder.mkdir(parents=True, exist_ok=True)
    wish = PublishJob(**{"what": "model", "source": "mine", "repo_id": "tester/mine", **request})
    return publish(Work(wish, JobFolder(folder), home, hub, frozenset(accepted), is_dry_run=False))


def test_an_adapter_goes_with_a_card_whose_code_has_run_and_comes_back_as_it_was_trained(
    home: Home, hub: Hub, local_hub: LocalHub, tmp_path: Path, trial: Callable[..., None]
) -> None:
    trial("Arr!", "It depends.")
    run(home, tmp_path / "base")
    bench = home.jobs / "bench" / "b"
    bench.mkdir(parents=True)
    (bench / "request.json").write_text(json.dumps({"judge": "echo:"}))
    (bench / "exit.json").write_text(json.dumps({"state": "done"}))
    row = {"model": "job:mine", "score": 3.5, "score_ci": [3.0, 4.0], "n": 9}
    (bench / "report.json").write_text(json.dumps({"bench": "multifaceted", "rows": [row]}))
    end = asked(home, hub, "one")
    assert end["state"] == "done"
    assert end["roundtrip"]["is_same"]
    assert end["readback"]["is_same"]
    repository = local_hub.repositories["tester/mine"]
    files = repository.commits[repository.refs["main"]]
    assert "training_args.bin" not in files
    assert str(home.folder).encode() not in b"".join(files.values())
    assert json.loads(files["train_request.json"])["dataset"] == "voices"
    card = files["README.md"].decode()
    front = front_matter(card)
    assert (front["base_model"], front["base_model_relation"]) == (BASE, "adapter")
    metrics = [one["metrics"][0] for one in front["model-index"][0]["results"]]
    assert [(one["type"], one["value"]) for one in metrics] == [
        ("steerability_margin", 0.4),
        ("score", 3.5),
    ]
    assert "![Loss and steerability over the steps](training.svg)" in card
    drawn = ElementTree.fromstring(files["training.svg"])
    assert drawn.findtext("{http://www.w3.org/2000/svg}title") == (
        "Loss: loss 2.900 to 2.500. Steerability margin (nats a token): right message over the others 0.400 to 0.400;"
        " shuffled messages 0.000 to 0.000"
    )
    assert "**Its message shows best** (margin" in card
    assert 'BASE = "tester/tiny-base"' in card
    assert "<|im_start|>system\nAnswer like a pirate.<|im_end|>" in card
    assert "It printed:\n\n```text\nArr!\n```" in card
    assert "| score | 3.5 (3 to 4) |" in card


def test_a_failed_round_trip_is_asked_about_and_goes_only_with_consent(
    home: Home, hub: Hub, local_hub: LocalHub, tmp_path: Path, trial: Callable[..., None]
) -> None:
    trial(error="ValueError: no")
    run(home, tmp_path / "base", is_same=False)
    end = asked(home, hub, "one", "snippet")
    assert (end["state"], end["questions"].keys()) == ("asks", {"roundtrip"})
    assert "tester/mine" not in local_hub.repositories
    assert asked(home, hub, "one")["questions"].keys() == {"roundtrip", "snippet"}
    assert asked(home, hub, "one", "roundtrip", "snippet")["state"] == "done"


def test_an_adapter_that_nobody_elsewhere_has_a_base_for_is_refused_unless_merged(
    home: Home, hub: Hub, tmp_path: Path
) -> None:
    run(home, tmp_path / "base", model=f"path:{tmp_path / 'base'}")
    with pytest.raises(PublishRefused, match="publish it with --merged"):
        asked(home, hub, "one")


def test_what_has_made_no_model_cannot_be_published(home: Home, hub: Hub, tmp_path: Path) -> None:
    folder = run(home, tmp_path / "base")
    (folder / "exit.json").write_text(json.dumps({"state": "failed"}))
    with pytest.raises(PublishRefused, match="train/mine is failed and has made no model"):
        asked(home, hub, "one")
    with pytest.raises(PublishRefused, match=r"There is no job 'train/nothing'"):
        asked(home, hub, "two", source="job:nothing")
