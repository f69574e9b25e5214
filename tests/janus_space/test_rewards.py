"""A reward model in its own process, held to the same weights in this one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.chat import Conversation
from janus_space.errors import ScoringRefused, UnknownModel
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.reward_worker import _from_the_hub
from janus_space.rewards import RewardModel
from tests.hub import LocalHub
from tests.tiny_models import tiny_llama
from trainer.config import TrainConfig
from trainer.errors import ModelRefused

ASKED = Conversation.model_validate(
    {"messages": [{"role": "system", "content": "Answer like a pirate."}, {"role": "user", "content": "Why?"}]}
)
ANSWERS = ["Arr! The parrot says so.", "Subject to conditions, because.", "Look at it, child."]

pytestmark = pytest.mark.timeout(300)


def reward_run(home: Path, base: Path) -> list[float]:
    """Write a finished run with a random reward adapter; return what that gives for the answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoTokenizer

    from trainer.reward_check import reward_of
    from trainer.trainable import base_for

    folder = home / "jobs/train/judge"
    folder.mkdir(parents=True)
    asked = {"method": "reward", "model": f"path:{base}", "dataset": "rows.jsonl", "device": "cpu"}
    (folder / "request.json").write_text(json.dumps(asked))
    (folder / "exit.json").write_text(json.dumps({"state": "done", "result": str(folder / "adapter")}))
    torch.manual_seed(5)
    model: Any = get_peft_model(
        base_for(TrainConfig.read(asked), home, lambda words: None),
        LoraConfig(r=4, target_modules="all-linear", task_type="SEQ_CLS"),
    ).eval()
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data = torch.randn(weights.shape) * 0.3
    tokenizer = AutoTokenizer.from_pretrained(base)
    model.save_pretrained(folder / "adapter")
    tokenizer.save_pretrained(folder / "adapter")
    with torch.no_grad():
        return [reward_of(model, tokenizer, ASKED.as_dicts(), answer) for answer in ANSWERS]


async def rated(judge: RewardModel, notes: list[str]) -> list[float]:
    async with judge.ready(notes.append) as rate:
        first = await rate(ASKED, ANSWERS)
        assert await rate(ASKED, ANSWERS[1:]) == first[1:]
        return first


def test_it_rates_as_it_was_saved(tmp_path: Path, janus_home: Path) -> None:
    expected = reward_run(janus_home, tiny_llama(tmp_path / "llama"))
    jobs = Jobs(Home.at(janus_home))
    judge = RewardModel.named(jobs, "job:judge")
    notes: list[str] = []
    assert asyncio.run(rated(judge, notes)) == pytest.approx(expected, abs=1e-4)
    assert len(set(expected)) == 3
    assert notes == ["Loading job:judge"]
    with pytest.raises(UnknownModel, match="'job:other' is no reward model that was trained here: there are job:judge"):
        RewardModel.named(jobs, "job:other")


def test_one_that_cannot_be_loaded_says_why(tmp_path: Path, janus_home: Path) -> None:
    folder = janus_home / "jobs/train/judge"
    folder.mkdir(parents=True)
    gone = {"method": "reward", "model": f"path:{tmp_path}/gone", "dataset": "rows.jsonl", "device": "cpu"}
    (folder / "request.json").write_text(json.dumps(gone))
    judge = RewardModel("job:judge", str(folder), Home.at(janus_home))
    with pytest.raises(ScoringRefused, match=r"job:judge cannot rate this: .*gone"):
        asyncio.run(rated(judge, []))


def scoring_model(folder: Path, base: Path) -> list[float]:
    """Save a whole model with a score head; return what it gives for the answers."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from trainer.reward_check import reward_of

    torch.manual_seed(6)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32).eval()
    model.config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with torch.no_grad():
        return [reward_of(model, tokenizer, ASKED.as_dicts(), answer) for answer in ANSWERS]


def test_a_model_that_writes_is_no_reward_model(tmp_path: Path, janus_home: Path) -> None:
    with pytest.raises(ModelRefused, match="is no reward model: it has no head that gives one score"):
        _from_the_hub(f"path:{tiny_llama(tmp_path / 'llama')}")


def test_one_of_the_hub_rates_as_it_was_saved(
    tmp_path: Path, janus_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_llama(tmp_path / "llama")
    expected = scoring_model(tmp_path / "judge", base)
    with LocalHub() as hub:
        hub.add("org/judge", tmp_path / "judge")
        for name, value in hub.environment(tmp_path / "hf").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        jobs = Jobs(Home.at(janus_home))
        found = asyncio.run(rated(RewardModel.named(jobs, "hf:org/judge"), []))
    assert found == pytest.approx(expected, abs=1e-4)
    assert len(set(expected)) == 3


def test_the_page_offers_those_that_were_trained_here_alone(janus_home: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    with pytest.raises(UnknownModel, match="'hf:org/judge' is no reward model that was trained here"):
        RewardModel.trained_here(jobs, "hf:org/judge")
    with pytest.raises(UnknownModel):
        RewardModel.named(jobs, "hf:nonsense")
