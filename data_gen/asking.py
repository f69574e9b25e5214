"""What is asked of a teacher and what comes back; whoever can answer is an `Asker`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from data_gen.chat import Conversation, FinishReason, Sampling

FailureKind = Literal["failed", "halted"]


@dataclass(frozen=True)
class Request:
    """All that determines an answer; `draw` tells repeated samples of one question apart.

    `answer_schema` is a JSON schema with every object closed and every field required, named by its `title`.
    """

    conversation: Conversation
    sampling: Sampling
    answer_schema: Mapping[str, Any] | None = None
    draw: int = 0


@dataclass(frozen=True)
class Answer:
    """A whole answer and what it took."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Failure:
    """Why there is no answer: this request failed, or the whole work is halted (budget, disk, a wish to stop)."""

    kind: FailureKind
    reason: str


class Asker(Protocol):
    """Anything that answers requests; it never raises for a request that fails."""

    async def ask(self, request: Request) -> Answer | Failure: ...
