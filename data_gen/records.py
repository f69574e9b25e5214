"""The rows of a dataset: the paper's columns (arXiv:2405.17977), and those that tell how good a row is."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from data_gen.chat import FinishReason, Message
from data_gen.preferences import PreferenceSet

Level = Literal["preference_set", "system_message", "response", "rubric"]
LEVELS: tuple[Level, ...] = ("preference_set", "system_message", "response", "rubric")
"""The levels of the tree that is grown from an instruction, root first; each has a prompt of its name."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class SftRecord(_Row):
    """One instruction under one system message, and its gold answer; columns that are not known are kept."""

    instruction_id: str | None = None
    main_source: str | None = None
    original_source: str | None = None
    preference_set: PreferenceSet
    system: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    output: str = Field(min_length=1)


class SiblingRecord(SftRecord):
    """A record that knows its place among those of its instruction."""

    set_index: int = Field(ge=0, description="Which of the instruction's preference sets")


class GrownRecord(SiblingRecord):
    """A record that this project made, with what was noticed about it."""

    finish_reason: FinishReason = Field(description="'length' where the answer was cut off")
    findings: tuple[str, ...] = Field((), description="What is unusual; empty where nothing is")
    unsafe_score: float = Field(0.0, ge=0.0, le=1.0, description="By the scorer that dataset.json names")


class ScoreDescriptions(BaseModel):
    """What an answer of each score is like."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    one: str = Field(alias="1", min_length=1)
    two: str = Field(alias="2", min_length=1)
    three: str = Field(alias="3", min_length=1)
    four: str = Field(alias="4", min_length=1)
    five: str = Field(alias="5", min_length=1)


class Rubric(BaseModel):
    """How to score an answer on one preference."""

    model_config = ConfigDict(frozen=True)

    criteria: str = Field(min_length=1)
    score_descriptions: ScoreDescriptions


class BenchRecord(_Row):
    """A row of a benchmark: rubric i belongs to preference i (the columns of Multifaceted Bench)."""

    instruction_id: str | None = None
    source: str | None = None
    preference_set: PreferenceSet
    system: str
    prompt: str
    reference_answer: str
    rubrics: tuple[Rubric, Rubric, Rubric, Rubric]


class ContrastPair(_Row):
    """Two gold answers to one instruction: `chosen` was written for `system`, `rejected` for a sibling of it."""

    instruction_id: str
    main_source: str | None = None
    original_source: str | None = None
    system: str
    prompt: str
    chosen: tuple[Message, Message]
    rejected: tuple[Message, Message]
    chosen_set: int
    rejected_set: int


class Quarantined(BaseModel):
    """A row that could not be made: where it stopped, why, and the last answer as it came."""

    model_config = ConfigDict(frozen=True)

    instruction_id: str
    set_index: int
    level: Level
    kind: str
    reason: str
    prompt: str
    raw: str = ""


def as_columns(row: BaseModel) -> dict[str, Any]:
    """Return the row as it is written to a file."""
    return row.model_dump(mode="json", by_alias=True)
