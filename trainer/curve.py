"""Measured beside the loss: steerability with its controls, and answers to fixed questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer.chat_template import render
from trainer.config import TrainConfig
from trainer.data import TrainingRow
from trainer.document_attention import attention_as
from trainer.job_folder import JobFolder
from trainer.scoring import evaluating, mean_logprobs, question
from trainer.steerability import Figure, arranged, steerability
from trainer.system_options import by_instruction

_SAMPLED_INSTRUCTIONS = 2
# Instructions; K answers cost K × (K + 1) forward passes, which on a CPU soon take longer than the training.
_MEASURED_HELD_OUT, _MEASURED_ON_CPU, _MEASURED_TRAINED = 24, 3, 2
_ROUNDS = 500  # of the bootstrap: a curve needs no third digit


class SteerabilityCurve(TrainerCallback):
    """Measures before the first step, every so many steps and at the end. Only the first process does.

    Without held-out rows it measures on a few that are trained on, and says so: that curve rises by learning by heart.
    """

    def __init__(
        self,
        folder: JobFolder,
        config: TrainConfig,
        tokenizer: Any,
        held_out: Sequence[TrainingRow],
        trained: Sequence[TrainingRow],
    ) -> None:
        self._folder, self._config, self._tokenizer = folder, config, tokenizer
        self._is_held_out = bool(held_out)
        # Of pairs, several rows can have one system message and one chosen answer.
        unique = [list({row.system: row for row in group}.values()) for group in by_instruction(held_out or trained)]
        groups = [group for group in unique if len(group) > 1]
        most = _MEASURED_ON_CPU if config.device == "cpu" else _MEASURED_HELD_OUT
        self._groups = groups[: most if held_out else _MEASURED_TRAINED]
        self._told = {kind: {event["step"] for event in folder.events(kind)} for kind in ("steerability", "samples")}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        self._measure(state, given["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        self._measure(state, given["model"])

    def _measure(self, state: TrainerState, model: Any) -> None:
        if not self._groups or not state.is_world_process_zero:
            return
        if self._is_due("steerability", state, float(self._config.steerability_steps or 0)):
            figures = measured(model, self._tokenizer, self._groups)
            self._folder.event("steerability", step=state.global_step, is_held_out=self._is_held_out, **figures)
        if self._is_due("samples", state, self._config.sample_steps):
            self._folder.event("samples", step=state.global_step, samples=self._samples(model))

    def _is_due(self, kind: str, state: TrainerState, steps: float) -> bool:
        if steps == 0 or state.global_step in self._told[kind]:
            return False
        every = max(1, math.ceil(steps * state.max_steps) if steps < 1 else int(steps))
        return bool(state.global_step % every == 0 or state.global_step == state.max_steps)

    def _samples(self, model: Any) -> list[dict[str, str | None]]:
        found = []
        with evaluating(model), attention_as(model, "sdpa"):
            for group in self._groups[:_SAMPLED_INSTRUCTIONS]:
                for row in [*group[:2], group[0]._replace(system=None)]:
                    text = answered(model, self._tokenizer, row, self._config.sample_max_new_tokens)
                    found.append({"system": row.system, "prompt": row.turns[-1]["content"], "text": text})
        return found


def measured(model: Any, tokenizer: Any, groups: Sequence[Sequence[TrainingRow]]) -> dict[str, Any]:
    """Measure the steerability of a model on instructions with several answers each."""
    scores = []
    for group in groups:
        systems = [row.system or "" for row in group] + [""]
        asked = [
            question(tokenizer, row._replace(system=system).messages, row.answers[0])
            for row in group
            for system in systems
        ]
        scores.append(arranged(mean_logprobs(model, asked)))
    figures = asdict(steerability(scores, rounds=_ROUNDS))
    return {
        name: [round(part, 5) for part in Figure(*value)] if isinstance(value, (list, tuple)) else value
        for name, value in figures.items()
    }


def answered(model: Any, tokenizer: Any, row: TrainingRow, max_new_tokens: int) -> str:
    """Let a model answer, taking the likeliest token each time: no random number is drawn."""
    import torch

    prompt = render(tokenizer, row.messages).token_ids
    ids = torch.tensor([prompt], device=next(model.parameters()).device)
    written = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        use_cache=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    text: str = tokenizer.decode(written[0, len(prompt) :], skip_special_tokens=True)
    return text
