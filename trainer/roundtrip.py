"""Proof that what was saved is what was trained: the same prompts through the trained, loaded and merged model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoTokenizer

from trainer.adapter import with_adapter
from trainer.config import TrainConfig
from trainer.data import TrainingRow
from trainer.model import ADAPTER_CONFIG
from trainer.reward_check import reward_of
from trainer.scoring import evaluating, mean_logprobs, question
from trainer.trainable import Say, base_for

_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.05}
_TOLERANCE_FOUR_BITS = 0.05  # kernels for 4-bit weights round differently in training and in answering


class Trained(NamedTuple):
    """What the trained model said before it was saved."""

    rows: list[TrainingRow]
    prompts: list[list[int]]
    scores: list[float]


def remember(model: Any, tokenizer: Any, rows: Sequence[TrainingRow], config: TrainConfig) -> Trained:
    """Ask the trained model, as it lies in memory."""
    chosen = list(rows[: config.roundtrip_prompts])
    return Trained(chosen, _prompts(tokenizer, chosen), _scores(model, tokenizer, chosen, config))


def prove(trained: Trained, result: Path, config: TrainConfig, models_dir: Path, say: Say) -> dict[str, Any]:
    """Load what was saved, merge it, and compare; return the figures and whether they are within tolerance.

    What was asked and scored is stored with them, so that an engine elsewhere can be held to it too.

    Scores are mean log-probabilities a token (nats), or rewards.
    """
    tokenizer = AutoTokenizer.from_pretrained(result, local_files_only=True)
    same_ids = _prompts(tokenizer, trained.rows) == trained.prompts
    model = base_for(config, models_dir, say, result if config.tuning == "full" else None)
    tolerance = _TOLERANCE_FOUR_BITS if config.tuning == "qlora" else _TOLERANCE.get(model.dtype, 0.05)
    told: dict[str, Any] = {"prompts": len(trained.rows), "same_token_ids": same_ids, "tolerance": tolerance}
    told["stored"] = [
        {"messages": row.messages, "answer": row.answers[0], "score": score}
        for row, score in zip(trained.rows, trained.scores, strict=True)
    ]
    if config.tuning != "full":
        model = with_adapter(model, result)
    told["loaded_difference"] = _difference(trained, _scores(model, tokenizer, trained.rows, config))
    judged = [told["loaded_difference"]]
    if config.tuning == "lora":
        merged = model.merge_and_unload()
        told["merged_difference"] = _difference(trained, _scores(merged, tokenizer, trained.rows, config))
        judged.append(told["merged_difference"])
    return told | {"is_same": same_ids and max(judged) <= tolerance}


def remembered(stored: Sequence[Mapping[str, Any]], tokenizer_folder: Path) -> Trained:
    """Take up again what `prove` has stored, to hold files to it that came back from elsewhere."""
    rows = [_row(number, **one) for number, one in enumerate(stored, 1)]
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    return Trained(rows, _prompts(tokenizer, rows), [float(one["score"]) for one in stored])


def loaded_again(config: TrainConfig, result: Path, models_dir: Path, say: Say) -> tuple[Any, Any]:
    """Load a saved adapter on its base, or saved weights, with the tokenizer beside them."""
    tokenizer = AutoTokenizer.from_pretrained(result, local_files_only=True)
    if not (result / ADAPTER_CONFIG).exists():
        return base_for(as_whole(config), models_dir, say, result), tokenizer
    return with_adapter(base_for(config, models_dir, say), result), tokenizer


def as_whole(config: TrainConfig) -> TrainConfig:
    """Tell of a run whose adapter was merged what is true of its weights: they stand alone."""
    return config.model_copy(update={"tuning": "full"})


def _row(number: int, messages: list[dict[str, str]], answer: str, score: float) -> TrainingRow:
    has_system = messages[0]["role"] == "system"
    system, turns = (messages[0]["content"], messages[1:]) if has_system else (None, messages)
    return TrainingRow(f"prompt {number}", str(number), system, turns, (answer,))


def _prompts(tokenizer: Any, rows: Sequence[TrainingRow]) -> list[list[int]]:
    return [question(tokenizer, row.messages, row.answers[0]).prompt_ids for row in rows]


def _scores(model: Any, tokenizer: Any, rows: Sequence[TrainingRow], config: TrainConfig) -> list[float]:
    if config.method != "reward":
        return mean_logprobs(model, [question(tokenizer, row.messages, row.answers[0]) for row in rows])
    with evaluating(model):
        return [reward_of(model, tokenizer, row.messages, row.answers[0]) for row in rows]


def _difference(trained: Trained, scores: Sequence[float]) -> float:
    return max((abs(before - now) for before, now in zip(trained.scores, scores, strict=True)), default=0.0)
