"""The nouns of a chat, and the one protocol by which every model is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["system", "user", "assistant"]
SystemRole = Literal["native", "folded", "none", "default", "unknown"]
FinishReason = Literal["stop", "length", "stopped"]


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    content: str


class Conversation(BaseModel):
    """Messages in order; at most one system message, and it comes first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...]

    @classmethod
    def ask(cls, prompt: str, system: str | None = None) -> Conversation:
        """Open a conversation; `system=None` sends no system message at all."""
        opening = () if system is None else (Message(role="system", content=system),)
        return cls(messages=(*opening, Message(role="user", content=prompt)))

    @property
    def system(self) -> str | None:
        first = self.messages[0] if self.messages else None
        return first.content if first is not None and first.role == "system" else None

    def then(self, answer: str, prompt: str) -> Conversation:
        """Continue with the model's answer and the user's next turn."""
        turn = (Message(role="assistant", content=answer), Message(role="user", content=prompt))
        return Conversation(messages=(*self.messages, *turn))

    def as_dicts(self) -> list[dict[str, str]]:
        return [{"role": message.role, "content": message.content} for message in self.messages]


class Sampling(BaseModel):
    """How the next token is chosen. Defaults are the paper's (repository of arXiv:2405.17977, utils/prompts.py)
    except the length, which is set for a laptop; the paper used 1024 tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(1.0, ge=0.0, le=2.0, description="0 always takes the likeliest word; higher is freer")
    top_p: float = Field(
        0.9, gt=0.0, le=1.0, description="Choose among the likeliest words that together hold this share"
    )
    repetition_penalty: float = Field(
        1.03, ge=1.0, le=2.0, description="Above 1, words already used become less likely"
    )
    max_new_tokens: int = Field(
        256, ge=1, le=4096, description="Longest answer, in tokens (about three quarters of a word each)"
    )
    seed: int | None = Field(
        None, ge=0, lt=2**31, description="The same seed gives the same answer; empty means a new one each time"
    )
    stop: tuple[str, ...] = Field((), max_length=4, description="The answer ends before any of these texts")

    @classmethod
    def clamped(cls, **wishes: Any) -> Sampling:
        """Take what the caller wishes, each number moved into its range; None means the default."""
        kept = {name: wish for name, wish in wishes.items() if wish is not None}
        for name, field in cls.model_fields.items():
            if name in kept and name != "stop":
                kept[name] = _into_range(kept[name], field.metadata)
        kept["stop"] = tuple(text for text in kept.get("stop", ()) if text)[:4]
        return cls(**kept)


def _into_range(value: Any, bounds: list[Any]) -> Any:
    for bound in bounds:
        if (low := getattr(bound, "ge", None)) is not None:
            value = max(value, low)
        if (open_low := getattr(bound, "gt", None)) is not None and value <= open_low:
            value = open_low + 1e-3
        if (high := getattr(bound, "le", None)) is not None:
            value = min(value, high)
        if (open_high := getattr(bound, "lt", None)) is not None:
            value = min(value, open_high - 1)
    return value


class Timings(BaseModel):
    """Taken where the tokens are made. `tokens_per_s` counts from the first token on."""

    model_config = ConfigDict(frozen=True)

    ttft_s: float
    total_s: float
    tokens_per_s: float | None = None


class Sent(BaseModel):
    """What the model really read: the rendered prompt, and how it took the system message.

    `native` own role · `folded` inside the first user turn · `none` no system message sent ·
    `default` none sent, and the model's template added one of its own · `unknown` a remote endpoint renders it.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    system_role: SystemRole


class Delta(BaseModel):
    """Text that has just arrived."""

    model_config = ConfigDict(frozen=True)

    text: str


class Waiting(BaseModel):
    """Why nothing arrives yet, in words for the person who waits."""

    model_config = ConfigDict(frozen=True)

    reason: str


class Completion(BaseModel):
    """A whole answer; the last event of every stream."""

    model_config = ConfigDict(frozen=True)

    text: str
    finish_reason: FinishReason
    tokens: int | None = None
    prompt_tokens: int | None = None
    timings: Timings | None = None
    sent: Sent | None = None


class ChatModel(Protocol):
    """Anything that answers. Closing the iterator early stops the work behind it."""

    spec: str

    def stream(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Waiting | Delta | Completion]:
        """Yield `Waiting` and `Delta` and then one `Completion`; raise `ChatError` rather than half an answer."""
        ...


class EchoModel:
    """`echo:` answers without weights, from the request alone: for demonstrations, tests and a first look.

    The answer is a function of conversation and seed. `words_per_second` paces the stream; 0 means at once.
    """

    spec = "echo:"

    def __init__(self, words_per_second: float = 30.0) -> None:
        self.words_per_second = words_per_second

    async def stream(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncIterator[Waiting | Delta | Completion]:
        words = _echo_words(conversation)
        kept = words[: sampling.max_new_tokens]
        start = time.perf_counter()
        first = start
        for index, word in enumerate(kept):
            if self.words_per_second:
                await asyncio.sleep(1 / self.words_per_second)
            first = first if index else time.perf_counter()
            yield Delta(text=word if index == 0 else f" {word}")
        seconds = time.perf_counter() - start
        after_first = seconds - (first - start)
        yield Completion(
            text=" ".join(kept),
            finish_reason="stop" if kept == words else "length",
            tokens=len(kept),
            timings=Timings(
                ttft_s=first - start,
                total_s=seconds,
                tokens_per_s=(len(kept) - 1) / after_first if after_first > 0 and len(kept) > 1 else None,
            ),
            sent=Sent(
                text="\n".join(f"{message.role}: {message.content}" for message in conversation.messages),
                system_role="none" if conversation.system is None else "native",
            ),
        )


def _echo_words(conversation: Conversation) -> list[str]:
    asked = conversation.messages[-1].content if conversation.messages else ""
    told = conversation.system
    opening = f"I was told: {told.strip()}" if told else "I was told nothing about how to behave."
    turns = sum(message.role == "user" for message in conversation.messages)
    return f"{opening} You asked (turn {turns}): {asked.strip()} I only repeat; I am not a language model.".split()
