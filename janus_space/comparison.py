"""A comparison: what is asked of which columns, and the events that answer it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data_gen.chat import Completion, Conversation, Message, Sampling

MAX_COLUMNS = 16
MAX_TEXT = 32_000
DEVICE = r"^(auto|cpu|cuda:\d{1,2})$"

ColumnState = Literal["waiting", "streaming", "done", "stopped", "failed"]


class Column(BaseModel):
    """One model under one system message; `system=None` sends none, on purpose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, max_length=500, description="Model spec, like embedded:smollm2 or openai:gpt-4o")
    system: str | None = Field(None, max_length=MAX_TEXT, description="How the assistant should behave")
    device: str = Field("auto", pattern=DEVICE, description="Where a local model runs")

    @model_validator(mode="after")
    def _no_empty_system(self) -> Column:
        if self.system is not None and not self.system.strip():
            raise ValueError("the system message is empty: write one, or choose to send none")
        return self


class Turn(BaseModel):
    """What the user said to every column, and what each column answered; None where it did not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(min_length=1, max_length=MAX_TEXT)
    answers: tuple[str | None, ...] = ()


class Comparison(BaseModel):
    """Columns side by side over shared user turns. The last turn is the one to answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[Column, ...] = Field(min_length=1, max_length=MAX_COLUMNS)
    turns: tuple[Turn, ...] = Field(min_length=1, max_length=50)
    sampling: Sampling = Sampling()

    def conversation(self, column: int) -> Conversation:
        """The messages this column's model reads; turns that it left unanswered are left out."""
        system = self.columns[column].system
        messages = [] if system is None else [Message(role="system", content=system)]
        for turn in self.turns[:-1]:
            answer = turn.answers[column] if column < len(turn.answers) else None
            if answer is not None:
                messages += [Message(role="user", content=turn.prompt), Message(role="assistant", content=answer)]
        messages.append(Message(role="user", content=self.turns[-1].prompt))
        return Conversation(messages=tuple(messages))


class ColumnEvent(BaseModel):
    """Where one column stands. `text` is all of the answer so far, never a fragment of it."""

    model_config = ConfigDict(frozen=True)

    column: int
    state: ColumnState
    text: str = ""
    note: str | None = None
    """Why it waits, or the one sentence that says why it failed."""
    completion: Completion | None = None
    """Set when `done`; when `stopped`, only if the model still reported its figures."""

    @property
    def is_final(self) -> bool:
        return self.state in ("done", "stopped", "failed")
