"""Attention over flat tokens: every row of the batch sees its own cache and nothing else.

A forward pass is one sequence of tokens, the new tokens of all rows one after another. Linear layers do not care;
here the sequence is cut into its rows again. Registered with transformers as attention `janus_flat`, so that any
decoder that uses its attention interface runs unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface

from janus_space.engine.cache import RowCache

NAME = "janus_flat"


@dataclass(frozen=True)
class Segment:
    """`count` new tokens of the row in `slot`, which already holds `start` tokens."""

    slot: int
    start: int
    count: int


class FlatPlan:
    """How the flat tokens of one forward pass belong to rows.

    First come one token each of the leading slots, which hold `lengths` tokens; then the segments. Without a cache the
    segments stand alone and nothing is remembered.
    """

    def __init__(
        self, cache: RowCache | None, lengths: Sequence[int], segments: tuple[Segment, ...], device: torch.device
    ) -> None:
        self.cache = cache
        self.segments = segments
        self.answering = len(lengths)
        self.seen = max(lengths, default=0) + 1
        self.slots = torch.arange(self.answering, device=device)
        self.lengths = torch.tensor(lengths, dtype=torch.long, device=device)
        self._hidden: dict[int | None, Tensor] = {}

    def hidden(self, window: int | None) -> Tensor:
        """Return what the leading rows must not see, (rows, 1, 1, seen); the same for every layer of that window."""
        if window not in self._hidden:
            positions = torch.arange(self.seen, device=self.lengths.device)
            hidden = positions > self.lengths[:, None]
            if window is not None:
                hidden |= positions <= self.lengths[:, None] - window
            self._hidden[window] = hidden[:, None, None, :]
        return self._hidden[window]


def flat_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    flat_plan: FlatPlan | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend (1, heads, tokens, dim) by plan; return (1, tokens, heads, dim) as transformers' interface asks."""
    if flat_plan is None:
        raise ValueError("janus_flat attention works only inside the engine's batch")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    queries, keys, values = query[0], key[0], value[0]  # (heads, tokens, dim)
    output = torch.empty_like(queries.transpose(0, 1))  # (tokens, heads, dim)
    plan, offset = flat_plan, flat_plan.answering
    stored = None if plan.cache is None else plan.cache.layer(int(module.layer_idx), keys)
    if stored is not None and offset:
        for storage, new in zip(stored, (keys, values), strict=True):
            storage[plan.slots, :, plan.lengths] = new[:, :offset].transpose(0, 1)
        output[:offset] = _attend_one_each(
            queries[:, :offset].transpose(0, 1), *stored, plan, scale, sliding_window, softcap
        )
    for segment in plan.segments:
        new_tokens = slice(offset, offset + segment.count)
        mine = keys[:, new_tokens], values[:, new_tokens]
        if stored is not None:
            mine = tuple(_appended(storage, segment, new) for storage, new in zip(stored, mine, strict=True))
        attended = _attend_segment(queries[:, new_tokens], *mine, segment, scale, sliding_window, softcap)
        output[new_tokens] = attended.transpose(0, 1)
        offset += segment.count
    return output.unsqueeze(0), None


def _appended(storage: Tensor, segment: Segment, new: Tensor) -> Tensor:
    end = segment.start + segment.count
    storage[segment.slot, :, segment.start : end] = new
    return storage[segment.slot, :, :end]


def _attend_one_each(
    query: Tensor, keys: Tensor, values: Tensor, plan: FlatPlan, scale: float, window: int | None, softcap: float | None
) -> Tensor:
    rows, heads, dim = query.shape
    groups = keys.shape[1]
    grouped = query.reshape(rows, groups, heads // groups, dim)
    scores = (
        torch.matmul(grouped, keys[:rows, :, : plan.seen].transpose(2, 3)) * scale
    )  # (rows, groups, heads/groups, seen)
    scores = _capped(scores, softcap).masked_fill_(plan.hidden(window), float("-inf"))
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype)
    return torch.matmul(weights, values[:rows, :, : plan.seen]).reshape(rows, heads, dim)


def _attend_segment(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    segment: Segment,
    scale: float,
    window: int | None,
    softcap: float | None,
) -> Tensor:
    repeat = query.shape[0] // keys.shape[0]
    keys, values = keys.repeat_interleave(repeat, dim=0), values.repeat_interleave(repeat, dim=0)
    if segment.start == 0 and window is None and softcap is None:
        whole = functional.scaled_dot_product_attention(
            query[None], keys[None], values[None], is_causal=True, scale=scale
        )
        return whole[0]
    rows = torch.arange(segment.count, device=query.device)[:, None] + segment.start
    columns = torch.arange(keys.shape[1], device=query.device)[None]
    visible = columns <= rows
    if window is not None:
        visible &= columns > rows - window
    if softcap is None:
        whole = functional.scaled_dot_product_attention(
            query[None], keys[None], values[None], attn_mask=visible, scale=scale
        )
        return whole[0]
    scores = _capped(torch.matmul(query, keys.transpose(1, 2)) * scale, softcap).masked_fill(~visible, float("-inf"))
    return torch.matmul(torch.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype), values)


def _capped(scores: Tensor, softcap: float | None) -> Tensor:
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)


AttentionInterface.register(NAME, flat_attention)
