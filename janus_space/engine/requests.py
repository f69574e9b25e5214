"""What the engine reads of the bodies that OpenAI's clients send, and of its own for scores."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data_gen.chat import Sampling


class ChatMessage(BaseModel):
    """A message as OpenAI's clients write it: text, or parts of text."""

    role: str
    content: str

    @field_validator("content", mode="before")
    @classmethod
    def _joined(cls, content: Any) -> Any:
        if isinstance(content, list):
            return "".join(part.get("text", "") for part in content if isinstance(part, dict))
        return "" if content is None else content


class JsonSchema(BaseModel):
    """A schema as OpenAI's clients wrap it; its name says nothing to a local model."""

    json_schema: dict[str, Any] = Field(alias="schema")


class AnswerFormat(BaseModel):
    """The form that an answer must have: any text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def schema_wanted(self) -> dict[str, Any] | None:
        """Return the schema of the answer, or None for any text."""
        if self.type == "json_object":
            return {"type": "object"}
        return None if self.json_schema is None else self.json_schema.json_schema


class ChatRequest(BaseModel):
    """What is read of OpenAI's request; numbers out of range are moved into it, unknown fields are let pass."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    stream: bool = False
    n: int = Field(1, ge=1, le=1)
    temperature: float | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    response_format: AnswerFormat | None = None

    def sampling(self) -> Sampling:
        return Sampling.clamped(
            temperature=self.temperature,
            top_p=self.top_p,
            repetition_penalty=self.repetition_penalty,
            max_new_tokens=self.max_completion_tokens or self.max_tokens,
            seed=self.seed,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
        )


class ScoreItem(BaseModel):
    """An answer to be scored after a conversation."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    answer: str = Field(min_length=1)


class ScoreRequest(BaseModel):
    """Answers to be scored under one model."""

    model: str
    items: list[ScoreItem] = Field(min_length=1, max_length=4096)
