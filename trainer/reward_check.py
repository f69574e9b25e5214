"""Does a reward model prefer the right answer, and does its preference swap when the system message does?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from trainer.chat_template import ChatMessages, render, render_answer
from trainer.data import TrainingRow
from trainer.scoring import evaluating
from trainer.system_options import by_instruction


class RewardCheck(NamedTuple):
    """Shares of pairs; None where there was none to look at."""

    pairs: int
    accuracy: float | None
    flips: int
    flip_accuracy: float | None
    """Of answers that two system messages rank the other way round, the share ranked rightly under both."""


def check_reward(model: Any, tokenizer: Any, rows: Sequence[TrainingRow]) -> RewardCheck:
    """Score the pairs, and each rejected answer that was written for another system message under that one too."""
    right = flips = flipped = 0
    with evaluating(model):
        for group in by_instruction(rows):
            written_for = {row.answers[0]: row for row in group}
            for row in group:
                is_right = _prefers(model, tokenizer, row.messages, row.answers)
                right += is_right
                other = written_for.get(row.answers[1])
                if other is not None and other.system != row.system:
                    flips += 1
                    flipped += is_right and _prefers(model, tokenizer, other.messages, row.answers[::-1])
    return RewardCheck(len(rows), right / len(rows) if rows else None, flips, flipped / flips if flips else None)


def reward_of(model: Any, tokenizer: Any, messages: ChatMessages, answer: str) -> float:
    """Return the reward of one answer."""
    ids = render(tokenizer, messages).token_ids + render_answer(tokenizer, messages, answer)
    device = next(model.parameters()).device
    return float(model(input_ids=torch.tensor([ids], device=device), use_cache=False).logits[0, 0])


def _prefers(model: Any, tokenizer: Any, messages: ChatMessages, answers: Sequence[str]) -> bool:
    first, second = (reward_of(model, tokenizer, messages, answer) for answer in answers)
    return first > second
