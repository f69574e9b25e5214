"""Small chat models that misbehave on purpose; each remembers whether its streams were closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from data_gen.chat import ChatModel, Completion, Conversation, Delta, Sampling, Waiting
from janus_space.comparison import Column, Comparison, Turn

Event = Waiting | Delta | Completion


class Scripted:
    """Plays a script: an event is yielded, a number is a pause in seconds, an exception is raised."""

    spec = "double:"

    def __init__(self, *script: Event | float | BaseException, closing_seconds: float = 0.0) -> None:
        self.script = script
        self.closing_seconds = closing_seconds
        self.opened = 0
        self.closed = 0
        self.asked: list[Conversation] = []

    async def stream(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Event]:
        self.opened += 1
        self.asked.append(conversation)
        try:
            for step in self.script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, int | float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.closed += 1
            await asyncio.sleep(self.closing_seconds)


def answering(*words: str, pause: float = 0.0) -> Scripted:
    steps: list[Event | float] = []
    for word in words:
        steps += [pause, Delta(text=word)]
    return Scripted(*steps, Completion(text="".join(words), finish_reason="stop", tokens=len(words)))


def hanging(*words: str) -> Scripted:
    return Scripted(*(Delta(text=word) for word in words), 3600.0)


def one_column_each(models: list[ChatModel]) -> tuple[Comparison, dict[Column, ChatModel]]:
    """Lay out a comparison with one column a model."""
    columns = tuple(Column(model=f"double:{index}", system=f"Be {index}.") for index in range(len(models)))
    comparison = Comparison(columns=columns, turns=(Turn(prompt="Hello?"),))
    return comparison, dict(zip(columns, models, strict=True))
