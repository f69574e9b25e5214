"""What is offered to a run that does not fit, and to one that has run out of memory."""

from __future__ import annotations

from typing import Any

import pytest

from janus_space.remedies import after_running_out, in_words, remedies, smaller
from trainer.config import TrainConfig
from trainer.estimate import Estimate, Measured


def config(**values: Any) -> TrainConfig:
    return TrainConfig.read({"method": "sft", "model": "embedded:smollm2", "dataset": "rows.jsonl", **values})


def test_the_harmless_comes_first_and_nothing_that_cannot_be() -> None:
    asked = config(per_device_train_batch_size=8, gradient_accumulation_steps=2, max_length=2048)
    assert list(smaller(asked)) == [
        {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4},
        {"activation_checkpointing": True},
        {"tuning": "qlora"},
        {"max_length": 1024},
    ]
    on_cpu = config(device="cpu", per_device_train_batch_size=1, activation_checkpointing=True, max_length=300)
    assert list(smaller(on_cpu)) == []
    assert {"tuning": "qlora"} not in list(smaller(config(model="embedded:smollm2+me/adapter")))
    assert {"tuning": "lora"} in list(smaller(config(tuning="full")))


def test_what_was_measured_to_fit_is_offered_first_and_once() -> None:
    asked = config(per_device_train_batch_size=2)
    cure = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2}
    found = Estimate(Measured(fits=False), 16.0, cure, Measured(fits=True, peak_memory_gib=9.0), "…")
    first, *others = remedies(asked, found)
    assert first == (cure, "half the batch and twice the accumulation", True)
    assert not any(one.is_measured or one.changes == cure for one in others)
    assert remedies(asked, Estimate(Measured(fits=True), 16.0, {}, None, "…")) == []


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (
            {"kind": "OutOfMemory", "cure": {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}},
            "half the batch and twice the accumulation",
        ),
        ({"kind": "OutOfMemory", "cure": {"max_length": 512}}, "rows of at most 512 tokens"),
        ({"exit_code": -9}, "half the batch and twice the accumulation"),
    ],
)
def test_running_out_of_memory_has_a_remedy(end: dict[str, Any], told: str) -> None:
    found = after_running_out(config(), {**end, "state": "failed"})
    assert found is not None
    assert found.says == told


@pytest.mark.parametrize(
    "end", [{"kind": "TrainingFailed"}, {"exit_code": 1}, {}, {"state": "stopped", "exit_code": -9}]
)
def test_another_end_has_none(end: dict[str, Any]) -> None:
    assert after_running_out(config(), {"state": "failed", **end}) is None


def test_changes_are_said_in_words() -> None:
    cure = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8, "activation_checkpointing": True}
    told = in_words(config(per_device_train_batch_size=8), {**cure, "tuning": "qlora", "max_length": 1024})
    assert told == (
        "batches of 1, 8 summed up before each step, activation checkpointing, 4-bit weights, rows of at most 1,024"
        " tokens"
    )
