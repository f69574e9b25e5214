"""Attention over rows that hold several conversations, each seeing itself and nothing else.

Batches are flat: conversations lie one after another in one row of tokens, without padding. Linear layers do not care;
here the row is cut into its conversations again. transformers can do the same by a mask over the whole row, whose cost
grows with the square of the row; cutting costs nothing and needs no kernel of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "janus_documents"


def document_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    document_lengths: Sequence[int] | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend (1, heads, tokens, dim) document by document; return (1, tokens, heads, dim)."""
    if document_lengths is None:
        raise ValueError("flat attention needs document_lengths; attention_as(model, 'sdpa') is for anything else")
    attended = []
    lengths = list(document_lengths)
    for queries, keys, values in zip(
        query.split(lengths, dim=2), key.split(lengths, dim=2), value.split(lengths, dim=2), strict=True
    ):
        visible = _window(queries.shape[2], sliding_window, query.device)
        if softcap is None:
            output, _weights = sdpa_attention_forward(
                module, queries, keys, values, visible, dropout=dropout, scaling=scaling, is_causal=visible is None
            )
        else:
            output = _capped_attention(queries, keys, values, visible, scaling, softcap)
        attended.append(output)
    return torch.cat(attended, dim=1), None


@contextmanager
def attention_as(model: Any, name: str) -> Iterator[None]:
    """Let a model attend in another way for a while: `NAME` in flat batches, `sdpa` to generate and in padded ones."""
    usual = model.config._attn_implementation
    if usual != name:
        model.set_attn_implementation(name)
    try:
        yield
    finally:
        if usual != name:
            model.set_attn_implementation(usual)


def _window(length: int, window: int | None, device: torch.device) -> Tensor | None:
    """Return what a document's tokens may see where that is less than all before them, else None."""
    if window is None or length <= window:
        return None
    places = torch.arange(length, device=device)
    distance = places[:, None] - places[None]
    return ((distance >= 0) & (distance < window))[None, None]


def _capped_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, scaling: float | None, softcap: float
) -> Tensor:
    """Attend with capped scores, as Gemma 2 does; no fused kernel takes them."""
    repeat = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeat, dim=1), value.repeat_interleave(repeat, dim=1)
    scores = torch.matmul(query, key.transpose(2, 3)) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    scores = softcap * torch.tanh(scores / softcap)
    if visible is None:
        visible = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
    weights = functional.softmax(scores.masked_fill(~visible, float("-inf")), dim=-1, dtype=torch.float32)
    return torch.matmul(weights.to(value.dtype), value).transpose(1, 2)


AttentionInterface.register(NAME, document_attention)
