"""Rows as token ids, written by the one function that also renders what a trained model is asked.

A prompt is rendered exactly as the engine renders it for answering; the answer's tokens follow. So what is trained is
what will be continued, and nothing can merge across the border between the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trainer.chat_template import SystemRole, render, render_answer
from trainer.data import TrainingRow

MIN_ANSWER_TOKENS = 4  # of a cut answer; with fewer, the row teaches nothing


class RenderedRow(NamedTuple):
    """A prompt and its answers as token ids."""

    row: TrainingRow
    prompt_ids: list[int]
    answers_ids: tuple[list[int], ...]
    system_role: SystemRole

    @property
    def tokens(self) -> int:
        """The longest sequence that comes of it."""
        return len(self.prompt_ids) + max(map(len, self.answers_ids))


@dataclass
class RenderedRows:
    """All rows that fit, and what was cut or dropped."""

    rows: list[RenderedRow] = field(default_factory=list)
    cut: int = 0
    dropped: list[str] = field(default_factory=list)
    """Places of rows whose question alone leaves no room for an answer."""
    with_control_tokens: list[str] = field(default_factory=list)
    """Places of rows whose words contain what the tokenizer reads as its own tokens, such as <s> in HTML."""
    system_roles: Counter[SystemRole] = field(default_factory=Counter)

    def columns(self) -> dict[str, list[list[int]]]:
        """Return the rows as the columns of token ids that the recipes take."""
        prompts = [row.prompt_ids for row in self.rows]
        is_pair = bool(self.rows) and len(self.rows[0].answers_ids) == 2
        names = ("chosen_ids", "rejected_ids") if is_pair else ("answer_ids",)
        answers = {name: [row.answers_ids[place] for row in self.rows] for place, name in enumerate(names)}
        return {"prompt_ids": prompts, **answers}


def rendered(tokenizer: Any, rows: Iterable[TrainingRow], max_length: int) -> RenderedRows:
    """Render rows; answers that do not fit are cut at their end, without the end token, and counted.

    Raises:
        TemplateFailed, BadConversation
    """
    found = RenderedRows()
    control_tokens = [str(token) for token in tokenizer.added_tokens_encoder]
    for row in rows:
        one = rendered_row(tokenizer, row)
        room = max_length - len(one.prompt_ids)
        longest = max(map(len, one.answers_ids))
        if longest > room and room < MIN_ANSWER_TOKENS:
            found.dropped.append(row.place)
            continue
        if longest > room:
            found.cut += 1
            one = one._replace(answers_ids=tuple(ids[:room] for ids in one.answers_ids))
        words = [*(message["content"] for message in row.messages), *row.answers]
        if any(token in text for text in words for token in control_tokens):
            found.with_control_tokens.append(row.place)
        found.system_roles[one.system_role] += 1
        found.rows.append(one)
    return found


def rendered_row(tokenizer: Any, row: TrainingRow) -> RenderedRow:
    """Render one row, however long it is."""
    prompt = render(tokenizer, row.messages)
    answers = tuple(render_answer(tokenizer, row.messages, answer) for answer in row.answers)
    return RenderedRow(row, prompt.token_ids, answers, prompt.system_role)
