"""How likely a model finds given answers, while it is trained or has just been loaded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from trainer.chat_template import ChatMessages, render
from trainer.document_attention import NAME, attention_as

_TOKENS_AT_ONCE = 2048


class Question(NamedTuple):
    """A rendered prompt and the answer to be scored after it."""

    prompt_ids: list[int]
    answer_ids: list[int]


def question(tokenizer: Any, messages: ChatMessages, answer: str) -> Question:
    """Render what is asked; the answer's tokens stand alone, without an end token, as the engine scores them."""
    return Question(render(tokenizer, messages).token_ids, tokenizer(answer, add_special_tokens=False)["input_ids"])


def mean_logprobs(model: Any, questions: Sequence[Question]) -> list[float]:
    """Return each answer's mean log-probability a token (nats)."""
    means: list[float] = []
    with evaluating(model), attention_as(_inner(model), NAME):
        for group in _groups(questions):
            means += _means(model, group)
    return means


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Switch dropout and gradients off for a while; no random number is drawn, so a run goes on as if undisturbed."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _groups(questions: Sequence[Question]) -> Iterator[list[Question]]:
    group: list[Question] = []
    size = 0
    for one in questions:
        length = len(one.prompt_ids) + len(one.answer_ids)
        if group and size + length > _TOKENS_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(one)
        size += length
    if group:
        yield group


def _means(model: Any, group: list[Question]) -> list[float]:
    flat: list[int] = []
    places: list[int] = []
    for one in group:
        first = len(flat) + len(one.prompt_ids) - 1
        places += range(first, first + len(one.answer_ids))
        flat += one.prompt_ids + one.answer_ids
    lengths = [len(one.prompt_ids) + len(one.answer_ids) for one in group]
    device = next(model.parameters()).device
    logits = (
        model(
            input_ids=torch.tensor([flat], device=device),
            position_ids=torch.cat([torch.arange(length) for length in lengths])[None].to(device),
            document_lengths=lengths,
            logits_to_keep=torch.tensor(places, device=device),
            use_cache=False,
        )
        .logits[0]
        .float()
    )
    answers = torch.tensor([token for one in group for token in one.answer_ids], device=device)
    chosen = logits.gather(1, answers[:, None])[:, 0] - torch.logsumexp(logits, dim=-1)
    return [float(part.mean()) for part in chosen.split([len(one.answer_ids) for one in group])]
