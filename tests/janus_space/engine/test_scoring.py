"""Scores are those of a plain forward pass, whatever else is scored with them."""

from __future__ import annotations

import pytest

from janus_space.engine import scoring
from janus_space.engine.scoring import Scored, score
from tests.janus_space.engine.conftest import Tiny
from tests.janus_space.engine.tiny_batch import PlainModel, TinyBatch


def test_scores_equal_a_plain_forward_pass(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_TOKENS_AT_ONCE", 40)
    batch, plain = TinyBatch(tiny.folder, tiny.adapters), PlainModel(tiny.folder, tiny.adapters)
    prompts = ["Who are you?", "Tell me of the sea, the sky and the ships between them.", "Why?"]
    texts = [
        Scored(
            batch.tokenizer(prompt)["input_ids"],
            batch.tokenizer("Because the sea is wide and blue.", add_special_tokens=False)["input_ids"],
            adapter,
        )
        for prompt in prompts
        for adapter in (None, "a", "b")
    ]
    groups = list(score(batch.model, batch.bank, texts))
    assert len(groups) > 1
    for text, scores in zip(texts, [one for group in groups for one in group], strict=True):
        assert scores == pytest.approx(plain.logprobs(text.prompt_ids, text.answer_ids, text.adapter), abs=1e-4)
