"""Best of N: a model answers the same question several times, and a judge says which answer is best."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import NamedTuple, Protocol, cast

from data_gen.chat import ChatModel, Completion, Conversation, Sampling
from data_gen.errors import BadRequest, ChatCutOff

MOST_SAMPLES = 16
_SEEDS = 2**31

Rate = Callable[[Conversation, Sequence[str]], Awaitable[list[float]]]
"""Gives each answer to a conversation its reward: the higher, the better."""
Tell = Callable[[str], None]


class Judge(Protocol):
    """Something that rates answers, such as `rewards.RewardModel`."""

    def ready(self, tell: Tell) -> AbstractAsyncContextManager[Rate]:
        """Hold it while it rates; `tell` hears why that takes time."""
        ...


class Sample(NamedTuple):
    """One answer, and what the judge gives for it."""

    text: str
    reward: float


async def best_of(
    model: ChatModel, conversation: Conversation, sampling: Sampling, count: int, judge: Judge, tell: Tell
) -> list[Sample]:
    """Draw `count` answers and return them, the best first. The judge is made ready while the model writes.

    Raises:
        BadRequest: the answers could not differ
        ChatError, SpaceError: an answer, or its reward, cannot be had
    """
    if not 2 <= count <= MOST_SAMPLES:
        raise BadRequest(f"Draw 2 to {MOST_SAMPLES} answers, not {count}.")
    if sampling.temperature == 0:
        raise BadRequest("At temperature 0 all answers are the same: raise it under Settings first.")
    writing = asyncio.ensure_future(_drawn(model, conversation, sampling, count, tell))
    try:
        async with judge.ready(tell) as rate:
            texts = await writing
            tell("Scoring the answers")
            rewards = await rate(conversation, texts)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    samples = [Sample(text, reward) for text, reward in zip(texts, rewards, strict=True)]
    return sorted(samples, key=lambda sample: -sample.reward)


async def _drawn(model: ChatModel, conversation: Conversation, sampling: Sampling, count: int, tell: Tell) -> list[str]:
    """Let all answers be written at once; the first that fails ends the others."""
    tell(f"Writing {count} answers")
    seeds = [None if sampling.seed is None else (sampling.seed + number) % _SEEDS for number in range(count)]
    done = 0

    async def draw(seed: int | None) -> str:
        nonlocal done
        text = await _answer(model, conversation, sampling.model_copy(update={"seed": seed}))
        done += 1
        tell(f"{done} of {count} answers are written")
        return text

    tasks = [asyncio.create_task(draw(seed)) for seed in seeds]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(model: ChatModel, conversation: Conversation, sampling: Sampling) -> str:
    stream = model.stream(conversation, sampling)
    # The protocol promises an iterator that can be closed early; its type cannot say so.
    async with aclosing(cast("AsyncGenerator[object, None]", stream)) as arriving:
        async for event in arriving:
            if isinstance(event, Completion):
                return event.text
    raise ChatCutOff(f"{model.spec} ended before its answer did; ask it again")
