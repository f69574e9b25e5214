"""Tokens become the next token, and text, as they should."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoTokenizer

from data_gen.chat import Sampling
from janus_space.engine.decode import Chooser, TextStream
from tests.janus_space.engine.conftest import Tiny


def test_a_stream_gives_the_whole_text_piece_by_piece(tiny: Tiny) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny.folder)
    text = "Grüße, 世界! 🙂 And a  double space."
    stream = TextStream(tokenizer, ())
    pieces = [stream.push(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert "".join(pieces) + stream.flush() == text
    assert not any("�" in piece for piece in pieces), "half a character was shown"


@pytest.mark.parametrize("stop", ["END", "N", ". E", "END of"])
def test_a_stop_text_ends_the_answer_before_it_and_never_shows(llama: Tiny, stop: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama.folder)
    text = "A story that goes on. END of it all."
    stream = TextStream(tokenizer, ("never there", stop))
    shown = ""
    for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
        shown += stream.push(token)
        assert shown == text[: len(shown)]
        if stream.stopped:
            break
    assert stream.stopped
    assert shown + stream.flush() == text[: text.index(stop)]


def test_what_only_looks_like_a_stop_text_is_given_in_the_end(llama: Tiny) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama.folder)
    stream = TextStream(tokenizer, ("ENDING",))
    shown = "".join(stream.push(token) for token in tokenizer("The END", add_special_tokens=False)["input_ids"])
    assert shown + stream.flush() == "The END"
    assert not stream.stopped


def test_top_p_keeps_the_fewest_likeliest_tokens_that_hold_it() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    chooser = Chooser(Sampling(top_p=0.7, repetition_penalty=1.0, seed=1), [], torch.device("cpu"))
    counts = torch.bincount(torch.tensor([chooser.choose(logits) for _ in range(2000)]), minlength=4)
    assert counts[2:].tolist() == [0, 0]
    assert counts[0].item() / 2000 == pytest.approx(0.625, abs=0.04)


def test_a_flat_choice_over_a_large_vocabulary_reaches_all_of_it() -> None:
    chooser = Chooser(Sampling(top_p=1.0, repetition_penalty=1.0, seed=3), [], torch.device("cpu"))
    chosen = [chooser.choose(torch.zeros(5000)) for _ in range(300)]
    assert max(chosen) > 4000
    assert len(set(chosen)) > 250


def test_a_temperature_near_zero_takes_the_likeliest() -> None:
    chooser = Chooser(Sampling(temperature=0.001, repetition_penalty=1.0, seed=3), [], torch.device("cpu"))
    assert {chooser.choose(torch.tensor([1.0, 1.1, 0.9])) for _ in range(50)} == {1}
