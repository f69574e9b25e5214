"""How to steer this model, shown on itself: an answer that follows its message, one that does not, and what is read.

Its own answers are scored under each of the messages by the model itself (mean log-probability a token, nats): the
answer whose own message explains it best against the others is the good example, the worst is the bad one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from janus_space.publish.snippet import Question
from janus_space.publish.sources import ModelSource

MOST_MESSAGES = 3
_DEFAULT = Question(
    "You are a patient teacher who explains hard things to children in short words.", "Why is the sky blue?"
)


@dataclass(frozen=True)
class Reading:
    """How the tokenizer that goes along writes a conversation."""

    rendered: str
    """The prompt of the first question, exactly as the model reads it."""
    system_role: str
    separator: str | None
    """What stands between message and prompt where there is no system role."""


@dataclass(frozen=True)
class Example:
    """One answer of the model's own. `margin`: how much better its own message explains it than the others (nats)."""

    system: str
    prompt: str
    answer: str
    margin: float | None = None


def questions(source: ModelSource) -> list[Question]:
    """Take one instruction under several messages from what the run was proved on, held out from training if it can."""
    groups: dict[str, list[Question]] = {}
    for stored in (source.roundtrip or {}).get("stored", ()):
        question = _question(stored.get("messages", ()))
        if question is not None:
            groups.setdefault(question.prompt, []).append(question)
    unique = [list(dict.fromkeys(group)) for group in groups.values()]
    best = max(unique, key=lambda group: min(len(group), MOST_MESSAGES), default=[_DEFAULT])
    return best[:MOST_MESSAGES]


def _question(messages: Sequence[Mapping[str, str]]) -> Question | None:
    if [message.get("role") for message in messages] != ["system", "user"]:
        return None
    return Question(messages[0]["content"], messages[1]["content"])


def reading(tokenizer_folder: Path, question: Question) -> Reading:
    """Render a question by the tokenizer that goes along."""
    from transformers import AutoTokenizer

    from trainer.chat_template import fold_system, render

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.prompt}]
    shown, role = fold_system(tokenizer, messages)
    separator = None
    if role == "folded":
        separator = shown[0]["content"].removeprefix(question.system).removesuffix(question.prompt)
    return Reading(render(tokenizer, messages).text, role, separator)


def scored(model: Any, tokenizer: Any, asked: Sequence[Question], answers: Sequence[str]) -> list[Example]:
    """Score every answer under every message; without two messages, or of an empty answer, there is no margin."""
    from trainer.scoring import mean_logprobs, question

    found = []
    for number, (one, answer) in enumerate(zip(asked, answers, strict=True)):
        margin = None
        if len(asked) > 1 and answer.strip():
            messages = [
                [{"role": "system", "content": other.system}, {"role": "user", "content": one.prompt}]
                for other in asked
            ]
            under = mean_logprobs(model, [question(tokenizer, each, answer) for each in messages])
            others = [logprob for place, logprob in enumerate(under) if place != number]
            margin = under[number] - sum(others) / len(others)
        found.append(Example(one.system, one.prompt, answer, margin))
    return found
