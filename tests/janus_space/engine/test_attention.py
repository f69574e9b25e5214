"""Flat attention equals transformers' own, also where layers see only a window or cap their scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Gemma2Config, Gemma3TextConfig, MistralConfig, Qwen2Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from janus_space.engine.attention import NAME, FlatPlan, Segment
from janus_space.engine.cache import RowCache

SMALL = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
CONFIGS: dict[str, Any] = {
    "mistral with a window": MistralConfig(**SMALL, sliding_window=5),
    "gemma 2: windows and capped scores": Gemma2Config(**SMALL, sliding_window=6, attn_logit_softcapping=3.0),
    "gemma 3: two kinds of layers": Gemma3TextConfig(**SMALL, sliding_window=6),
    "qwen 2: biases": Qwen2Config(**SMALL),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_reading_and_answering_equal_the_plain_forward_pass(name: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name], attn_implementation="eager").eval()
    rows = [torch.randint(0, 97, (length,)) for length in (14, 9, 11)]
    with torch.inference_mode():
        wanted = [model(input_ids=row[None]).logits[0] for row in rows]
        model.set_attn_implementation(NAME)
        cache = RowCache(layers=4)
        cache.reserve(3, 16)
        # Two rows are read but for their last token; the third is read in two pieces, the second while they answer.
        read = [(0, 0, 13), (1, 0, 8), (2, 0, 4)]
        first = _run(model, rows, cache, (), read)
        torch.testing.assert_close(first[:13], wanted[0][:13], atol=2e-5, rtol=1e-4)
        second = _run(model, rows, cache, (13, 8), [(2, 4, 7)])
    torch.testing.assert_close(second[0], wanted[0][13], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(second[1], wanted[1][8], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(second[2:], wanted[2][4:], atol=2e-5, rtol=1e-4)


def _run(
    model: Any, rows: list[torch.Tensor], cache: RowCache, held: tuple[int, ...], read: list[tuple[int, int, int]]
) -> torch.Tensor:
    flat = [int(rows[slot][length]) for slot, length in enumerate(held)]
    positions = list(held)
    for slot, start, count in read:
        flat += rows[slot][start : start + count].tolist()
        positions += range(start, start + count)
    plan = FlatPlan(cache, held, tuple(Segment(*part) for part in read), torch.device("cpu"))
    return model(
        input_ids=torch.tensor([flat]), position_ids=torch.tensor([positions]), use_cache=False, flat_plan=plan
    ).logits[0]
