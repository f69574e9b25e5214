"""The one place where a system message meets a chat template, for training and for answering alike.

Some well-known templates have no system role: they raise (Mistral 7B v0.2, Gemma) or drop the message in silence. For
those it is folded into the first user turn. Which kind a template is, is found by rendering a probe, never by reading
its text. Rendering depends on the messages alone: templates that print today's date get a pinned one, or the same
conversation would be another prompt tomorrow.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Literal, NamedTuple

from trainer.errors import BadConversation, TemplateFailed

SystemSupport = Literal["native", "folded"]
SystemRole = Literal["native", "folded", "none", "default"]
ChatMessages = list[dict[str, str]]

MAX_TEMPLATE_CHARACTERS = 32 * 1024

# U+2063 is invisible and survives trimming; no template and no person writes these.
_SYSTEM_PROBE = "\u2063SYSTEM-PROBE-7f3a\u2063"
_USER_PROBE = "USER-PROBE-91"
_SECOND_PROBE = "USER-PROBE-92"

_PINNED_DATE = "26 Jul 2024"  # Llama 3.1's own fallback
# Shadows the `strftime_now` that transformers offers to templates, with the same day in whatever format is asked for.
_PINNED_CLOCK = (
    "{% macro strftime_now(format) %}"
    "{{ format | replace('%d', '26') | replace('%b', 'Jul') | replace('%B', 'July') | replace('%m', '07')"
    " | replace('%Y', '2024') | replace('%A', 'Friday') }}{% endmacro %}"
)


class Rendered(NamedTuple):
    """A prompt as the model reads it, and what became of the system message.

    `native` own role · `folded` inside the first user turn · `none` no system message was sent ·
    `default` none was sent, and the template put one of its own in.
    """

    text: str
    token_ids: list[int]
    system_role: SystemRole


class _Habits(NamedTuple):
    support: SystemSupport
    has_default: bool
    separator: str


# By template text: the probes cost three renderings, and a training set has a hundred thousand rows.
_known_habits: dict[str, _Habits] = {}


def render(tokenizer: Any, messages: ChatMessages, add_generation_prompt: bool = True) -> Rendered:
    """Render a conversation and tokenise exactly that text; the template alone writes begin-of-text tokens."""
    shown, system_role = fold_system(tokenizer, messages)
    if add_generation_prompt and messages[-1]["role"] != "user":
        raise BadConversation("The last message is the assistant's: end with the user's, which is to be answered.")
    text = _apply(tokenizer, shown, add_generation_prompt)
    return Rendered(text, tokenizer(text, add_special_tokens=False)["input_ids"], system_role)


def render_answer(tokenizer: Any, messages: ChatMessages, answer: str) -> list[int]:
    """Return the tokens of an answer to `messages`, up to and with the end of the turn: what a model is to write.

    Raises:
        TemplateFailed: the template rewrites the question once it is answered, so it cannot be trained as it is asked
    """
    shown, _ = fold_system(tokenizer, messages)
    asked = _apply(tokenizer, shown, True)
    answered = _apply(tokenizer, [*shown, _message("assistant", answer)], False)
    if not answered.startswith(asked):
        raise TemplateFailed(
            "The model's chat template writes a question differently once it is answered, so what is trained would not"
            " be what is asked: choose another model."
        )
    # What a template writes behind the end of a turn, usually a line break, is never generated.
    text = answered[len(asked) :].rstrip()
    if not text.endswith(tuple(tokenizer.added_tokens_encoder)):  # the model would never learn to stop
        text += tokenizer.eos_token
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def fold_system(tokenizer: Any, messages: ChatMessages) -> tuple[ChatMessages, SystemRole]:
    """Return the messages in the form that this template takes, and what became of the system message.

    An empty system message is kept where the role is native, since it stops a template from putting its default in;
    where it would be folded it means none.
    """
    system, turns = _split_system(messages)
    habits = _habits(tokenizer)
    if system is not None and habits.support == "native":
        return list(messages), "native"
    if system is None or not system.strip():
        return turns, "default" if habits.has_default else "none"
    first = {"role": "user", "content": f"{system}{habits.separator}{turns[0]['content']}"}
    return [first, *turns[1:]], "folded"


def system_support(tokenizer: Any) -> SystemSupport:
    """Tell whether the template has a system role of its own or the message has to be folded into the user's turn."""
    return _habits(tokenizer).support


def _habits(tokenizer: Any) -> _Habits:
    template = _template(tokenizer)
    if template not in _known_habits:
        plain = _apply(tokenizer, [_message("user", _USER_PROBE)], True)
        if _USER_PROBE not in plain:  # templates of image models want lists of parts, and print nothing for a string
            raise TemplateFailed("The model's chat template does not take plain text: choose a model for text.")
        _known_habits[template] = _Habits(
            support=_probe_support(tokenizer),
            has_default=_probe_default(tokenizer),
            # Gemma 3 folds by itself, with a blank line; Gemma 1 and 2 are folded alike. The paper has one newline.
            separator="\n\n" if "<start_of_turn>" in plain else "\n",
        )
    return _known_habits[template]


def _probe_support(tokenizer: Any) -> SystemSupport:
    try:
        text = _apply(tokenizer, [_message("system", _SYSTEM_PROBE), _message("user", _USER_PROBE)], True)
    except TemplateFailed:  # how Mistral's and Gemma's templates say that they have no system role
        return "folded"
    return "native" if _SYSTEM_PROBE in text and _USER_PROBE in text else "folded"


def _probe_default(tokenizer: Any) -> bool:
    """Compare what stands before the first user turn with what stands before the second: more is a default message."""
    turns = [_message("user", _USER_PROBE), _message("assistant", "ok"), _message("user", _SECOND_PROBE)]
    text = _apply(tokenizer, turns, False)
    for token in tokenizer.added_tokens_encoder:  # <s>, <|im_start|> and the like are no message by themselves
        text = text.replace(token, "")
    before_first, before_second = (text.partition(probe)[0] for probe in (_USER_PROBE, _SECOND_PROBE))
    pairs = zip(reversed(before_first), reversed(before_second), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))  # the header of a user turn
    return bool(before_first[: len(before_first) - shared].strip())


def _apply(tokenizer: Any, messages: ChatMessages, add_generation_prompt: bool) -> str:
    template = _template(tokenizer)
    if "strftime_now" in template:
        template = _PINNED_CLOCK + template
    try:
        rendered: str = tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            date_string=_PINNED_DATE,
        )
    except Exception as error:  # a template is foreign code in a sandbox: it may raise anything
        raise TemplateFailed(f"The chat template of this model fails ({error}): choose another model.") from error
    return rendered


def _template(tokenizer: Any) -> str:
    try:
        template: str = tokenizer.get_chat_template()
    except ValueError as error:
        raise TemplateFailed(
            "The model has no chat template, so it cannot be asked as a chat: choose its instruction-tuned version."
        ) from error
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise TemplateFailed(
            f"The model's chat template has more than {MAX_TEMPLATE_CHARACTERS} characters and is not run:"
            " choose another model."
        )
    return template


def _split_system(messages: ChatMessages) -> tuple[str | None, ChatMessages]:
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    turns = messages if system is None else messages[1:]
    if not turns:
        raise BadConversation("There is no user message: write what the assistant should answer.")
    for index, message in enumerate(turns):
        expected = ("user", "assistant")[index % 2]
        if message["role"] != expected:
            number = index + 1 + len(messages) - len(turns)
            raise BadConversation(
                f"Message {number} is from {message['role']!r} where {expected!r} is due:"
                " send at most one system message, first, and then user and assistant in turn."
            )
    return system, list(turns)


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
