"""Batches without padding: whole conversations one after another, and how they are packed into rows of one length."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch

IGNORED = -100
"""The label of a token that is not trained."""


def with_labels(columns: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
    """Join prompts and answers into rows of which the answers alone are trained."""
    pairs = list(zip(columns["prompt_ids"], columns["answer_ids"], strict=True))
    return {
        "input_ids": [prompt + answer for prompt, answer in pairs],
        "labels": [[IGNORED] * len(prompt) + answer for prompt, answer in pairs],
        "document_lengths": [[len(prompt) + len(answer)] for prompt, answer in pairs],
    }


def packed(columns: dict[str, list[list[int]]], max_length: int) -> dict[str, list[list[int]]]:
    """Fill rows of at most `max_length` with whole conversations: each goes where the least room is left for it.

    Best-fit decreasing, as TRL's `bfd`; nothing is cut.
    """
    order = sorted(range(len(columns["input_ids"])), key=lambda place: -len(columns["input_ids"][place]))
    bins: list[list[int]] = []
    room_left: list[tuple[int, int]] = []  # (room, bin), sorted
    for place in order:
        length = len(columns["input_ids"][place])
        found = bisect_left(room_left, (length, -1))
        if found == len(room_left):
            bins.append([place])
            insort(room_left, (max_length - length, len(bins) - 1))
        else:
            room, number = room_left.pop(found)
            bins[number].append(place)
            insort(room_left, (room - length, number))
    return {
        name: [[value for place in places for value in values[place]] for places in bins]
        for name, values in columns.items()
    }


def flash_lengths(lengths: Sequence[int], device: torch.device) -> dict[str, Any]:
    """Say where the conversations of a flat batch begin and end, in the words of transformers' FlashAttention.

    It would find them out from the positions by itself, anew in every layer.
    """
    borders = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)
    longest = max(lengths)
    return {"cu_seq_lens_q": borders, "cu_seq_lens_k": borders, "max_length_q": longest, "max_length_k": longest}


def flat_collator(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Lay rows one after another in one row of tokens; positions begin anew with every conversation."""
    lengths = [length for row in rows for length in row["document_lengths"]]
    labels = torch.tensor([label for row in rows for label in row["labels"]])
    starts = torch.tensor([0, *lengths[:-1]]).cumsum(0)
    labels[starts] = IGNORED  # nothing before a conversation's first token may predict it
    return {
        "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
        "labels": labels[None],
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "document_lengths": lengths,
    }
