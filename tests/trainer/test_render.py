"""What is trained is what is asked: the ids of a training prompt are those that the engine sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.trainer.sample_rows import VOICES
from trainer.chat_template import render, render_answer
from trainer.data import TrainingRow
from trainer.errors import TemplateFailed
from trainer.render import rendered, rendered_row
from trainer.xray import as_text, xray

ENDS = {"mistral": "</s>", "gemma": "<end_of_turn>", "llama": "<|im_end|>"}


@pytest.fixture(scope="module")
def tokenizers(tiny: dict[str, Path]) -> dict[str, Any]:
    return {name: AutoTokenizer.from_pretrained(folder) for name, folder in tiny.items()}


def row(system: str | None = VOICES["pirate"], *answers: str) -> TrainingRow:
    turns = [{"role": "user", "content": "Why is the sky blue?"}]
    return TrainingRow("Row 1", "sky", system, turns, answers or ("Because of the sun.",))


@pytest.mark.parametrize("name", ENDS)
def test_a_training_prompt_has_the_ids_that_the_engine_sends(tokenizers: dict[str, Any], name: str) -> None:
    tokenizer, one = tokenizers[name], row()
    found = rendered_row(tokenizer, one)
    assert found.prompt_ids == render(tokenizer, one.messages).token_ids
    assert VOICES["pirate"] in tokenizer.decode(found.prompt_ids)


@pytest.mark.parametrize(("name", "end"), ENDS.items())
def test_an_answer_ends_with_the_end_of_its_turn_and_no_more(tokenizers: dict[str, Any], name: str, end: str) -> None:
    ids = rendered_row(tokenizers[name], row()).answers_ids[0]
    assert tokenizers[name].decode(ids) == "Because of the sun." + end
    assert tokenizers[name].convert_ids_to_tokens(ids)[-1] == end


def test_a_template_that_never_ends_a_turn_gets_the_end_token(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["llama"]
    kept, tokenizer.chat_template = tokenizer.chat_template, "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    try:
        ids = render_answer(tokenizer, row().messages, "Yes.")
    finally:
        tokenizer.chat_template = kept
    assert tokenizer.decode(ids) == "Yes.<|im_end|>"


def test_a_template_that_rewrites_an_answered_question_is_refused(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["llama"]
    kept = tokenizer.chat_template
    tokenizer.chat_template = (
        "{% for m in messages %}[{{ m['role'] }}{{ messages | length }}]{{ m['content'] }}{% endfor %}"
    )
    try:
        with pytest.raises(TemplateFailed, match="differently once it is answered"):
            render_answer(tokenizer, row().messages, "Yes.")
    finally:
        tokenizer.chat_template = kept


def test_what_is_cut_or_dropped_is_counted(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["llama"]
    short, long = row(), row("Hi.", "word " * 200)
    length = len(rendered_row(tokenizer, short).prompt_ids)
    found = rendered(tokenizer, [short, long], length)
    assert found.dropped == ["Row 1"]
    assert found.cut == 1
    assert found.rows[0].tokens == length
    assert found.system_roles == {"native": 1}


@pytest.mark.parametrize(
    ("name", "system", "surprise"),
    [
        ("llama", VOICES["pirate"], None),
        ("mistral", VOICES["pirate"], "merged"),
        ("gemma", VOICES["pirate"], "merged"),
        ("llama", None, "invented"),
        ("mistral", None, None),
    ],
)
def test_an_xray_tells_what_the_template_does(
    tokenizers: dict[str, Any], name: str, system: str | None, surprise: str | None
) -> None:
    found = xray(tokenizers[name], row(system), 500)
    assert found.surprise == surprise
    tokens = found.texts[0].tokens
    spoken = {who: "".join(token.text for token in tokens if token.speaker == who) for who in ("system", "user")}
    assert (system or "") in spoken["system"]
    assert "Why is the sky blue?" in spoken["user"]
    assert "".join(token.text for token in tokens if token.is_trained) == "Because of the sun." + ENDS[name]
    shown = rendered_row(tokenizers[name], row(system))
    assert [token.id for token in tokens] == shown.prompt_ids + shown.answers_ids[0]


def test_an_xray_shows_a_dropped_system_message(tokenizers: dict[str, Any]) -> None:
    """No template of today's fools the probe; a row whose words vanish must still be seen."""
    tokenizer = tokenizers["llama"]
    kept = tokenizer.chat_template
    tokenizer.chat_template = kept.replace(
        "message['content']", "(message['content'] if message['content'] != 'Be brief.' else '')"
    )
    try:
        assert xray(tokenizer, row("Be brief."), 500).surprise == "dropped"
    finally:
        tokenizer.chat_template = kept


def test_an_xray_of_a_pair_shows_both_answers_and_the_cut(tokenizers: dict[str, Any]) -> None:
    one = row(VOICES["lawyer"], "Yes.", "No, and no again. " * 9)
    length = len(rendered_row(tokenizers["llama"], one).prompt_ids) + 6
    found = xray(tokenizers["llama"], one, length)
    assert [text.label for text in found.texts] == ["chosen", "rejected"]
    assert any(token.is_cut for token in found.texts[1].tokens)
    assert not any(token.is_cut and token.is_trained for token in found.texts[1].tokens)
    assert "chosen: " in as_text(found)


def test_text_that_reads_as_control_tokens_is_named(tokenizers: dict[str, Any]) -> None:
    sound, odd = row(), row("Be brief.", "Write <s>old</s> for what is gone.")._replace(place="Row 2")
    assert rendered(tokenizers["mistral"], [sound, odd], 500).with_control_tokens == ["Row 2"]
