from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trl
from transformers import AutoTokenizer

from tests.tiny_models import tiny_gemma, tiny_llama, tiny_mistral
from trainer.chat_template import MAX_TEMPLATE_CHARACTERS, fold_system, render, system_support
from trainer.errors import BadConversation, TemplateFailed

REAL_TEMPLATES = Path(trl.__file__).parent / "chat_templates"


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("tokenizers")
    builders = {"mistral": tiny_mistral, "gemma": tiny_gemma, "llama": tiny_llama}
    return {name: AutoTokenizer.from_pretrained(build(folder / name)) for name, build in builders.items()}


@pytest.fixture
def with_template(tmp_path: Path, tokenizers: dict[str, Any]) -> Any:
    """Dress a tokenizer in another template."""

    def dress(template: str) -> Any:
        tokenizers["llama"].save_pretrained(tmp_path)
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
        tokenizer.chat_template = template
        return tokenizer

    return dress


def test_mistral_folds_as_the_paper_did(tokenizers: dict[str, Any]) -> None:
    rendered = render(tokenizers["mistral"], [system("You are Bob."), user("Hi")])
    assert rendered.text == "<s>[INST] You are Bob.\nHi [/INST]"
    assert rendered.system_role == "folded"


def test_only_the_first_turn_carries_the_folded_message(tokenizers: dict[str, Any]) -> None:
    turns = [system("You are Bob."), user("Hi"), assistant("Yo"), user("Bye")]
    assert render(tokenizers["mistral"], turns).text == "<s>[INST] You are Bob.\nHi [/INST]Yo</s>[INST] Bye [/INST]"


def test_gemma_folds_with_a_blank_line(tokenizers: dict[str, Any]) -> None:
    rendered = render(tokenizers["gemma"], [system("You are Bob."), user("Hi")])
    expected = "<bos><start_of_turn>user\nYou are Bob.\n\nHi<end_of_turn>\n<start_of_turn>model\n"
    assert (rendered.text, rendered.system_role) == (expected, "folded")


def test_chatml_keeps_the_message_in_its_own_turn(tokenizers: dict[str, Any]) -> None:
    rendered = render(tokenizers["llama"], [system("You are Bob."), user("Hi")])
    expected = "<|im_start|>system\nYou are Bob.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert (rendered.text, rendered.system_role) == (expected, "native")


def test_a_default_message_is_reported_and_an_empty_one_suppresses_it(tokenizers: dict[str, Any]) -> None:
    without = render(tokenizers["llama"], [user("Hi")])
    assert without.system_role == "default"
    assert "named SmolLM" in without.text
    empty = render(tokenizers["llama"], [system(""), user("Hi")])
    assert empty.system_role == "native"
    assert empty.text.startswith("<|im_start|>system\n<|im_end|>\n<|im_start|>user\nHi")


@pytest.mark.parametrize("name", ["mistral", "gemma"])
def test_an_empty_message_means_none_where_it_would_be_folded(tokenizers: dict[str, Any], name: str) -> None:
    empty, without = (render(tokenizers[name], [*opening, user("Hi")]) for opening in ([system(" \n")], []))
    assert empty == without
    assert empty.system_role == "none"


@pytest.mark.parametrize("name", ["mistral", "gemma", "llama"])
def test_the_token_ids_are_those_of_the_text_with_one_begin_token(tokenizers: dict[str, Any], name: str) -> None:
    tokenizer = tokenizers[name]
    rendered = render(tokenizer, [user("Why is the sky blue?")])
    assert tokenizer.decode(rendered.token_ids) == rendered.text
    assert (
        rendered.token_ids
        == tokenizer.apply_chat_template([user("Why is the sky blue?")], add_generation_prompt=True)["input_ids"]
    )
    if name != "llama":  # ChatML's begin token opens every turn
        assert rendered.token_ids.count(tokenizer.bos_token_id) == 1


@pytest.mark.parametrize(
    ("template", "support", "without"),
    [
        ("gemma", "folded", "none"),
        ("gemma3", "native", "none"),
        ("llama3", "native", "none"),
        ("llama3_1", "native", "default"),
        ("llama3_2", "native", "default"),
        ("phi3", "native", "none"),
        ("qwen2_5", "native", "default"),
        ("qwen3", "native", "none"),
        ("gptoss", "native", "default"),
        ("deepseekv3", "native", "none"),
    ],
)
def test_real_templates_are_told_apart_by_probing(
    with_template: Any, template: str, support: str, without: str
) -> None:
    tokenizer = with_template((REAL_TEMPLATES / f"{template}.jinja").read_text())
    assert system_support(tokenizer) == support
    assert render(tokenizer, [user("Hi")]).system_role == without
    rendered = render(tokenizer, [system("You are Bob."), user("Hi")])
    assert rendered.text.count("You are Bob.") == 1
    assert rendered.system_role == support


def test_a_template_that_drops_the_message_in_silence_gets_it_folded(with_template: Any) -> None:
    tokenizer = with_template(
        "{% for message in messages %}{% if message['role'] != 'system' %}"
        "{{ message['role'] }}: {{ message['content'] }}\n{% endif %}{% endfor %}"
    )
    rendered = render(tokenizer, [system("You are Bob."), user("Hi")])
    assert (rendered.text, rendered.system_role) == ("user: You are Bob.\nHi\n", "folded")


@pytest.mark.parametrize(
    ("template", "date"), [("llama3_2", "26 Jul 2024"), ("gptoss", "2024-07-26"), ("llama3_1", "26 Jul 2024")]
)
def test_dates_are_pinned(with_template: Any, template: str, date: str) -> None:
    tokenizer = with_template((REAL_TEMPLATES / f"{template}.jinja").read_text())
    assert date in render(tokenizer, [user("Hi")]).text


def test_messages_are_not_changed(tokenizers: dict[str, Any]) -> None:
    messages = [system("You are Bob."), user("Hi")]
    folded, _ = fold_system(tokenizers["mistral"], messages)
    assert messages == [system("You are Bob."), user("Hi")]
    assert folded == [user("You are Bob.\nHi")]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [system("S")],
        [assistant("A")],
        [user("U"), user("U")],
        [user("U"), system("S")],
        [system("S"), system("S"), user("U")],
        [system("S"), user("U"), assistant("A")],
        [{"role": "tool", "content": "T"}],
    ],
)
def test_messages_out_of_order_are_refused(tokenizers: dict[str, Any], messages: list[dict[str, str]]) -> None:
    with pytest.raises(BadConversation):
        render(tokenizers["llama"], messages)


def test_the_refusal_names_the_message(tokenizers: dict[str, Any]) -> None:
    with pytest.raises(BadConversation, match="Message 3 is from 'user' where 'assistant' is due"):
        render(tokenizers["llama"], [system("S"), user("U"), user("U")])


def test_a_finished_conversation_is_rendered_without_a_generation_prompt(tokenizers: dict[str, Any]) -> None:
    rendered = render(tokenizers["mistral"], [user("Hi"), assistant("Yo")], add_generation_prompt=False)
    assert rendered.text == "<s>[INST] Hi [/INST]Yo</s>"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "no chat template"),
        ("{{ messages[", "fails"),
        ("{{ ''.__class__.__mro__ }}", "fails"),
        ("{% for message in messages %}{{ message['role'] }}{% endfor %}", "does not take plain text"),
        ("{# " + "x" * MAX_TEMPLATE_CHARACTERS + " #}", "characters"),
    ],
)
def test_a_template_that_cannot_be_used_gives_one_sentence(
    with_template: Any, template: str | None, words: str
) -> None:
    with pytest.raises(TemplateFailed, match=words):
        render(with_template(template), [user("Hi")])
