"""Best of N with a scripted model and judge: who is drawn, who wins, and what happens when something fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from data_gen.chat import Completion, Conversation, Delta, Message, Sampling, Waiting
from data_gen.errors import BadRequest, ChatCutOff
from janus_space.best_of import Rate, Sample, best_of

CONVERSATION = Conversation(
    messages=(Message(role="system", content="Be brief."), Message(role="user", content="Why is the sky blue?"))
)


class Numbered:
    """Answers with the seed it was given; one seed breaks off."""

    spec = "numbered:"

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken
        self.closed = 0

    async def stream(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncIterator[Waiting | Delta | Completion]:
        try:
            if sampling.seed == self.broken:
                return
            await asyncio.sleep(0.01 if self.broken is None else 60)
            yield Completion(text=str(sampling.seed), finish_reason="stop")
        finally:
            self.closed += 1


class Parity:
    """Prefers odd answers, then long ones; notes when it was made ready."""

    def __init__(self) -> None:
        self.is_held = False
        self.asked: list[Sequence[str]] = []

    @asynccontextmanager
    async def ready(self, tell: Callable[[str], None]) -> AsyncIterator[Rate]:
        async def rate(conversation: Conversation, answers: Sequence[str]) -> list[float]:
            assert conversation == CONVERSATION
            self.asked.append(answers)
            return [int(one) % 2 + len(one) / 10 for one in answers]

        self.is_held = True
        try:
            yield rate
        finally:
            self.is_held = False


def drawn(model: Numbered, judge: Parity, count: int = 4, **sampling: float | int) -> tuple[list[Sample], list[str]]:
    notes: list[str] = []
    asked = Sampling(**{"temperature": 1.0, "seed": 8, **sampling})
    return asyncio.run(best_of(model, CONVERSATION, asked, count, judge, notes.append)), notes


def test_every_answer_has_a_seed_of_its_own_and_the_best_comes_first() -> None:
    judge = Parity()
    samples, notes = drawn(Numbered(), judge)
    assert [sample.text for sample in samples] == ["11", "9", "10", "8"]
    assert samples[0].reward == pytest.approx(1.2)
    assert judge.asked == [["8", "9", "10", "11"]]
    assert not judge.is_held
    assert notes[0] == "Writing 4 answers"
    assert notes[-2:] == ["4 of 4 answers are written", "Scoring the answers"]


def test_one_that_fails_ends_the_others_and_lets_go_of_the_judge() -> None:
    model, judge = Numbered(broken=9), Parity()
    with pytest.raises(ChatCutOff, match="numbered: ended before its answer did"):
        drawn(model, judge)
    assert model.closed == 4
    assert not judge.is_held


@pytest.mark.parametrize(
    ("count", "temperature", "told"), [(1, 1.0, "Draw 2 to 16 answers"), (17, 1.0, "not 17"), (4, 0.0, "are the same")]
)
def test_what_cannot_differ_is_refused(count: int, temperature: float, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        drawn(Numbered(), Parity(), count, temperature=temperature)
