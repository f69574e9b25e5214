"""Each method end to end on tiny models whose templates have no system role, and against TRL's own figures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.trainer.sample_rows import VOICES
from trainer.__main__ import main
from trainer.chat_template import render
from trainer.config import TrainConfig


def train(model: Path | str, dataset: Path, out: Path, **options: Any) -> list[dict[str, Any]]:
    """Train for a few steps, from a file and the command line, and return the job's events."""
    values = {
        "method": "sft",
        "model": model if isinstance(model, str) else f"path:{model}",
        "dataset": str(dataset),
        "max_steps": 8,
        "max_length": 400,
        "learning_rate": 3e-3,
        "save_steps": 100,
        "steerability_steps": 0,
        "device": "cpu",
        "warmup_steps": 0,
    }
    file = out.with_name(f"{out.name}.yaml")
    file.write_text(TrainConfig.read(values | options).to_yaml(), "utf-8")
    assert main(["train", str(file), "--out", str(out)]) == 0
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


def losses(events: list[dict[str, Any]]) -> list[float]:
    return [event["loss"] for event in events if event["event"] == "step"]


def roundtrip(out: Path) -> dict[str, Any]:
    return json.loads((out / "roundtrip.json").read_text())


@pytest.mark.parametrize("name", ["mistral", "gemma"])
@pytest.mark.parametrize(
    ("method", "tuning"),
    [("sft", "lora"), ("dpo", "lora"), ("orpo", "lora"), ("reward", "lora"), ("sft", "full"), ("sft", "qlora")],
)
def test_the_loss_falls_and_what_is_saved_is_what_was_trained(
    tiny: dict[str, Path], collection: Path, tmp_path: Path, name: str, method: str, tuning: str
) -> None:
    steps = 5 if tuning == "qlora" else 12
    events = train(tiny[name], collection, tmp_path / "job", method=method, tuning=tuning, max_steps=steps)
    told = losses(events)
    assert len(told) == steps
    assert sum(told[-3:]) < sum(told[:3])
    found = roundtrip(tmp_path / "job")
    assert found["is_same"]
    assert found["prompts"] == 20
    result = tmp_path / "job" / ("model" if tuning == "full" else "adapter")
    tokenizer = AutoTokenizer.from_pretrained(result)
    messages = [{"role": "system", "content": VOICES["pirate"]}, {"role": "user", "content": "Why?"}]
    assert VOICES["pirate"] in tokenizer.decode(render(tokenizer, messages).token_ids)
    if tuning != "full":
        told_config = json.loads((result / "adapter_config.json").read_text())
        assert told_config["base_model_name_or_path"] == name
    assert not list(tmp_path.rglob("training_args.bin"))
    assert str(tiny[name]) not in (result / "tokenizer_config.json").read_text()


def test_the_loss_is_that_of_plain_trl(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    """The same rows, padded, through TRL's own trainer and loss."""
    options = {"lr_scheduler_type": "constant", "learning_rate": 1e-3, "roundtrip_prompts": 0}
    flat = losses(train(tiny["mistral"], collection, tmp_path / "flat", **options))
    plain = losses(train(tiny["mistral"], collection, tmp_path / "plain", padding_free=False, **options))
    assert flat == pytest.approx(plain, rel=2e-4)


def test_dpo_may_learn_the_chosen_answers_as_sft_does(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    """Before the first step both models are one: the loss of dpo is ln 2, and what comes on top is that of sft."""
    alike = {"max_steps": 1, "max_rows": 1, "held_out_instructions": 0, "roundtrip_prompts": 0}
    (as_sft,) = losses(train(tiny["llama"], collection, tmp_path / "sft", **alike))
    for weight in (0.0, 0.5, 2.0):
        dpo = {"method": "dpo", "sft_weight": weight, **alike}
        (found,) = losses(train(tiny["llama"], collection, tmp_path / f"dpo-{weight}", **dpo))
        assert found == pytest.approx(math.log(2) + weight * as_sft, rel=1e-4)


def test_dpo_from_an_sft_adapter_gives_one_adapter_for_the_base(
    tiny: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    train(tiny["mistral"], collection, tmp_path / "sft", r=4)
    started = f"path:{tiny['mistral']}+{tmp_path / 'sft' / 'adapter'}"
    train(started, collection, tmp_path / "dpo", method="dpo", r=8)
    assert roundtrip(tmp_path / "dpo")["is_same"]
    told = json.loads((tmp_path / "dpo" / "adapter" / "adapter_config.json").read_text())
    assert (told["r"], told["lora_alpha"]) == (12, 12)


def test_a_reward_model_is_trained_in_two_stages(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    train(tiny["mistral"], collection, tmp_path / "sft", r=4, max_steps=2)
    started = f"path:{tiny['mistral']}+{tmp_path / 'sft' / 'adapter'}"
    train(started, collection, tmp_path / "stage-1", method="reward", r=4)
    first = tmp_path / "stage-1" / "adapter"
    events = train(f"path:{tiny['mistral']}+{first}", collection, tmp_path / "stage-2", method="reward", max_steps=20)
    second = tmp_path / "stage-2" / "adapter"
    before, after = load_file(first / "adapter_model.safetensors"), load_file(second / "adapter_model.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert roundtrip(tmp_path / "stage-2")["is_same"]
    check = next(event for event in events if event["event"] == "reward_check")
    assert check["pairs"] == check["flips"] == 72
    assert 0 <= check["flip_accuracy"] <= check["accuracy"] <= 1


def test_a_reward_model_that_hears_the_message_flips(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    """Full training over the pairs learns them: the same two answers are ranked by the message that is sent."""
    events = train(
        tiny["mistral"],
        collection,
        tmp_path / "job",
        method="reward",
        r=32,
        max_steps=60,
        learning_rate=1e-2,
        per_device_train_batch_size=8,
    )
    check = next(event for event in events if event["event"] == "reward_check")
    assert check["flip_accuracy"] > 0.9


def test_measurements_do_not_disturb_the_run(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    held = {"held_out_instructions": 2, "roundtrip_prompts": 0, "lora_dropout": 0.1}
    plain = train(tiny["llama"], collection, tmp_path / "plain", **held)
    watched = train(tiny["llama"], collection, tmp_path / "watched", steerability_steps=2, sample_steps=4, **held)
    assert losses(plain) == losses(watched)
    curve = [event for event in watched if event["event"] == "steerability"]
    assert [event["step"] for event in curve] == [0, 2, 4, 6, 8]
    assert curve[0]["n"] == 6
    assert curve[-1]["shuffled"][1] < curve[-1]["shuffled"][2]
    assert [event["step"] for event in watched if event["event"] == "samples"] == [0, 4, 8]


def test_a_saved_adapter_is_what_peft_and_the_space_load(
    tiny: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    train(tiny["mistral"], collection, tmp_path / "job")
    adapter = tmp_path / "job" / "adapter"
    base = AutoModelForCausalLM.from_pretrained(tiny["mistral"])
    ids = torch.tensor([[1, 5, 6, 7]])
    before = base(ids).logits
    loaded = PeftModel.from_pretrained(base, adapter)
    assert not torch.allclose(loaded(ids).logits, before, atol=1e-3)
    assert json.loads((adapter / "train_request.json").read_text())["method"] == "sft"


@pytest.mark.parametrize("method", ["dpo", "orpo", "reward"])
def test_rows_of_like_length_come_together_and_a_stopped_run_keeps_their_order(
    tiny: dict[str, Path], collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    options = {"method": method, "train_sampling_strategy": "group_by_length", "save_steps": 3, "lora_dropout": 0.1}
    options |= {"roundtrip_prompts": 0, "lr_scheduler_type": "constant"}
    whole = losses(train(tiny["llama"], collection, tmp_path / "whole", **options))
    calls = iter([False] * 4 + [True])
    with monkeypatch.context() as patched:
        patched.setattr("trainer.events.JobEvents._everybody_is_to_stop", lambda self: next(calls))
        assert len(losses(train(tiny["llama"], collection, tmp_path / "stopped", **options))) == 5
    assert losses(train(tiny["llama"], collection, tmp_path / "stopped", **options)) == whole
    random_order = options | {"train_sampling_strategy": "random"}
    assert losses(train(tiny["llama"], collection, tmp_path / "random", **random_order)) != whole


def test_a_curve_over_pairs_counts_each_message_once(tiny: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    options = {"method": "dpo", "steerability_steps": 100, "held_out_instructions": 2, "roundtrip_prompts": 0}
    events = train(tiny["mistral"], collection, tmp_path / "job", max_steps=1, **options)
    curve = [event for event in events if event["event"] == "steerability"]
    assert [(event["step"], event["n"], event["instructions"]) for event in curve] == [(0, 6, 2), (1, 6, 2)]
    assert 0 < curve[0]["attribution"][0] <= 1
