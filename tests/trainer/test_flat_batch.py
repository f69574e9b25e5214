"""Flat batches are exact: conversations in one row neither see nor teach one another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from trainer.document_attention import NAME
from trainer.flat_batch import IGNORED, flat_collator, packed, with_labels
from trainer.recipes.sft import answer_loss

COLUMNS = {
    "prompt_ids": [[5, 6, 7, 8], [9, 10], [11, 12, 13, 14, 15, 16], [17]],
    "answer_ids": [[20, 21], [22, 23, 24, 25, 26], [27], [28, 29, 30]],
}


def rows_of(columns: dict[str, Any]) -> list[dict[str, Any]]:
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def padded_loss(model: Any) -> torch.Tensor:
    """Take the summed loss the slow way: each conversation alone, over all its tokens."""
    total = torch.zeros(())
    for row in rows_of(with_labels(COLUMNS)):
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
        total = total + cross_entropy(logits[0, :-1].float(), labels[0, 1:], ignore_index=IGNORED, reduction="sum")
    return total


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: weights.grad.clone() for name, weights in model.named_parameters() if weights.grad is not None}


def gemma2(folder: Path) -> Path:
    """Scores that are capped, and every other layer with a window shorter than a conversation."""
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": 3}
    Gemma2ForCausalLM(Gemma2Config(vocab_size=64, **shape, **heads)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ["mistral", "llama", "gemma", "gemma2"])
def test_losses_and_gradients_equal_those_of_lone_conversations(
    tiny: dict[str, Path], tmp_path: Path, name: str
) -> None:
    folder = gemma2(tmp_path) if name == "gemma2" else tiny[name]
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager" if name == "gemma2" else "sdpa")
    model.train()
    alone = padded_loss(model)
    expected = gradients(model, alone)
    model.set_attn_implementation(NAME)
    for columns in (with_labels(COLUMNS), packed(with_labels(COLUMNS), 12)):
        loss, trained = answer_loss(model, flat_collator(rows_of(columns)))
        assert trained == 11
        assert torch.allclose(loss, alone, rtol=1e-5)
        found = gradients(model, loss)
        assert found.keys() == expected.keys()
        assert all(torch.allclose(found[one], expected[one], rtol=1e-3, atol=1e-6) for one in expected)


def token_gradients(model: Any, loss_of: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Return how the loss moves each token's embedding: (rows, tokens, hidden)."""
    kept: list[torch.Tensor] = []
    hook = model.get_input_embeddings().register_forward_hook(lambda _, __, embedded: kept.append(embedded))
    loss = loss_of()
    hook.remove()
    (gradient,) = torch.autograd.grad(loss, kept)
    return gradient


@pytest.mark.parametrize("name", ["mistral", "gemma", "gemma2"])
def test_every_token_of_a_packed_row_is_moved_as_in_a_padded_batch(
    tiny: dict[str, Path], tmp_path: Path, name: str
) -> None:
    folder = gemma2(tmp_path) if name == "gemma2" else tiny[name]
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager" if name == "gemma2" else "sdpa")
    rows = rows_of(with_labels(COLUMNS))
    width = max(len(row["input_ids"]) for row in rows)

    def padded(column: str, filling: int) -> torch.Tensor:
        return torch.tensor([row[column] + [filling] * (width - len(row[column])) for row in rows])

    def padded_loss() -> torch.Tensor:
        labels = padded("labels", IGNORED)
        mask = torch.tensor([[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows])
        logits = model(input_ids=padded("input_ids", 0), attention_mask=mask, use_cache=False).logits[:, :-1]
        return cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=IGNORED, reduction="sum")

    expected = token_gradients(model, padded_loss)
    model.set_attn_implementation(NAME)
    batch = flat_collator(rows_of(packed(with_labels(COLUMNS), 12)))
    found = token_gradients(model, lambda: answer_loss(model, batch)[0])[0]
    ids = batch["input_ids"][0].split(batch["document_lengths"])
    for tokens, moved in zip(ids, found.split(batch["document_lengths"]), strict=True):
        number = next(number for number, row in enumerate(rows) if row["input_ids"] == tokens.tolist())
        assert torch.allclose(moved, expected[number, : len(tokens)], rtol=1e-3, atol=1e-6)
    assert len(ids) == len(rows)


def test_a_conversation_is_deaf_to_its_neighbours(tiny: dict[str, Path]) -> None:
    """Change one conversation's tokens: no gradient of another's embeddings may change."""
    model = AutoModelForCausalLM.from_pretrained(tiny["mistral"], attn_implementation=NAME)
    losses = []
    for other in (9, 10):
        columns = {"prompt_ids": [[other, other], [5, 6, 7]], "answer_ids": [[other], [20, 21]]}
        batch = flat_collator(rows_of(with_labels(columns)))
        batch["labels"][0, :3] = IGNORED
        losses.append(answer_loss(model, batch)[0])
    assert torch.equal(losses[0], losses[1])


def test_packing_fills_rows_and_cuts_nothing() -> None:
    rows = with_labels(COLUMNS)
    found = packed(rows, 12)
    assert sorted(length for lengths in found["document_lengths"] for length in lengths) == [4, 6, 7, 7]
    assert all(sum(lengths) <= 12 for lengths in found["document_lengths"])
    assert len(found["input_ids"]) == 3
    assert sorted(token for row in found["input_ids"] for token in row) == sorted(
        token for row in rows["input_ids"] for token in row
    )


def test_no_conversation_is_taught_its_first_token_by_the_one_before() -> None:
    columns = {"prompt_ids": [[], []], "answer_ids": [[5, 6], [7, 8]]}
    batch = flat_collator(rows_of(with_labels(columns)))
    assert batch["labels"].tolist() == [[IGNORED, 6, IGNORED, 8]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1]]
