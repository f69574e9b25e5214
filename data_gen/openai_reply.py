"""The pieces of a streamed chat completion, and the answer they add up to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pydantic import BaseModel

from data_gen.chat import Sent, Timings


class Delta(BaseModel):
    """The text that one piece adds."""

    content: str | None = None


class Choice(BaseModel):
    """One answer of possibly several; only the first is asked for and read."""

    delta: Delta | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    """The endpoint's own count of tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class EngineReport(BaseModel):
    """What our own engine says beyond OpenAI's format."""

    waiting: str | None = None
    timings: Timings | None = None
    sent: Sent | None = None


class Chunk(BaseModel):
    """What is read of one piece. The client's own type is built without any check, so pieces are checked here."""

    choices: tuple[Choice, ...] | None = None
    usage: Usage | None = None
    janus: EngineReport | None = None

    @property
    def text(self) -> str:
        delta = self.choices[0].delta if self.choices else None
        return (delta.content or "") if delta else ""

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason if self.choices else None


@dataclass
class Reply:
    """What has arrived so far, and when."""

    start: float = field(default_factory=time.perf_counter)
    texts: list[str] = field(default_factory=list)
    first_text_at: float | None = None
    last_text_at: float | None = None
    pieces: int = 0
    pieces_with_choices: int = 0
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    report: EngineReport = field(default_factory=EngineReport)

    def take(self, chunk: Chunk) -> None:
        """Add one piece."""
        if chunk.text:
            self.last_text_at = time.perf_counter()
            self.first_text_at = self.first_text_at or self.last_text_at
            self.texts.append(chunk.text)
        if chunk.janus and (chunk.janus.timings or chunk.janus.sent):
            self.report = chunk.janus
        self.pieces += 1
        self.pieces_with_choices += bool(chunk.choices or chunk.janus)
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.usage = chunk.usage or self.usage

    def timings(self) -> Timings | None:
        """Return what was measured on this side, None for an empty answer.

        The rate needs the endpoint's own count of tokens: a piece may hold several, or half of one.
        """
        if self.first_text_at is None or self.last_text_at is None:
            return None
        seconds = self.last_text_at - self.first_text_at
        tokens = self.usage.completion_tokens
        return Timings(
            ttft_s=self.first_text_at - self.start,
            total_s=self.last_text_at - self.start,
            tokens_per_s=(tokens - 1) / seconds if tokens and tokens > 1 and seconds > 0 else None,
        )
