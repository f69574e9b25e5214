"""How likely a model finds given texts: log-probabilities of answer tokens under a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from janus_space.engine.adapters import AdapterBank
from janus_space.engine.attention import FlatPlan, Segment

_TOKENS_AT_ONCE = 1024


@dataclass(frozen=True)
class Scored:
    """An answer to be scored after a prompt, both as tokens."""

    prompt_ids: list[int]
    answer_ids: list[int]
    adapter: str | None


def tokenised(tokenizer: Any, answer: str) -> tuple[list[int], list[str]]:
    """Return an answer's tokens and the text each stands for; put together, these are the answer.

    Where several tokens make one character, the first of them has it.
    """
    if not tokenizer.is_fast:  # it cannot tell where in the text its tokens are
        ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
        return ids, [tokenizer.convert_tokens_to_string([piece]) for piece in tokenizer.convert_ids_to_tokens(ids)]
    encoded = tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)
    # Only ends are read: starts may leave out the space before a word.
    ends = [end for _, end in encoded["offset_mapping"]]
    ends[-1:] = [len(answer)]
    return encoded["input_ids"], [answer[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@torch.inference_mode()
def score(model: nn.Module, bank: AdapterBank, texts: list[Scored]) -> Iterator[list[list[float]]]:
    """Yield, group by group in order, each text's log-probability a token (nats).

    Many texts share one forward pass over flat tokens; a group is bounded so that answering rows need not wait long.
    """
    group: list[Scored] = []
    size = 0
    for text in texts:
        length = len(text.prompt_ids) + len(text.answer_ids)
        if group and size + length > _TOKENS_AT_ONCE:
            yield _score_group(model, bank, group)
            group, size = [], 0
        group.append(text)
        size += length
    if group:
        yield _score_group(model, bank, group)


def _score_group(model: nn.Module, bank: AdapterBank, group: list[Scored]) -> list[list[float]]:
    flat: list[int] = []
    positions: list[int] = []
    owners: list[str | None] = []
    kept: list[int] = []
    segments = []
    for slot, text in enumerate(group):
        tokens = text.prompt_ids + text.answer_ids
        first = len(flat) + len(text.prompt_ids) - 1
        kept += range(first, first + len(text.answer_ids))
        segments.append(Segment(slot, 0, len(tokens)))
        flat += tokens
        positions += range(len(tokens))
        owners += [text.adapter] * len(tokens)
    device = next(model.parameters()).device
    bank.choose(owners)
    logits = model(
        input_ids=torch.tensor([flat], device=device),
        position_ids=torch.tensor([positions], device=device),
        use_cache=False,
        logits_to_keep=torch.tensor(kept, device=device),
        flat_plan=FlatPlan(None, (), tuple(segments), device),
    ).logits[0]
    answers = torch.tensor([token for text in group for token in text.answer_ids], device=device)
    chosen = logits.gather(1, answers[:, None])[:, 0].float() - torch.logsumexp(logits.float(), dim=-1)
    return [part.tolist() for part in chosen.split([len(text.answer_ids) for text in group])]
