"""Scores are those of a plain forward pass, whatever else is scored with them."""

from __future__ import annotations

import pytest

from janus_space.engine import scoring
from janus_space.engine.scoring import Scored, score, tokenised
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


@pytest.mark.parametrize("answer", ["The sea is wide.", " led by a space", "deep 🌊👩‍🚀", "a\n\n* b  \n", "漢字"])
def test_the_texts_of_tokens_are_the_answer_in_pieces(tiny: Tiny, answer: str) -> None:
    tokenizer = TinyBatch(tiny.folder, {}).tokenizer
    ids, pieces = tokenised(tokenizer, answer)
    assert ids == tokenizer(answer, add_special_tokens=False)["input_ids"]
    assert len(pieces) == len(ids)
    assert "".join(pieces) == answer


def test_a_sentencepiece_tokenizer_keeps_its_spaces() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    words.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    octets = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<unk>", *octets], show_progress=False)
    words.train_from_iterator(["the sea is wide"] * 5, trainer)
    _, pieces = tokenised(PreTrainedTokenizerFast(tokenizer_object=words), "the sea is 🌊 wide")
    assert "".join(pieces) == "the sea is 🌊 wide"
    assert " sea" in pieces
