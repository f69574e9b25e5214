"""How much a judge prefers one answer to another, from 0 to 1, over both orders in which it may read them.

A judge on this machine tells the odds of the letter that it would write, which is what AlpacaEval 2.0 weighs a
preference by. Any other judge gives a verdict for each order: one for ours, one for theirs, or half of one each.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from data_gen.chat import Conversation
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Means
from janus_space.benchmarks.judgements import judge_all
from janus_space.benchmarks.reading import reading
from janus_space.engine.scores import ScoreItem
from janus_space.judging.fence import asked, fenced
from janus_space.judging.judge import PROMPTS, Judgement
from janus_space.judging.pairwise import PairQuestion, ahead, compare_once
from janus_space.models import LocalModel
from janus_space.scorer import Score

Prefer = Callable[[PairQuestion], Awaitable[Judgement[float]]]
"""Asks how much the answer that is read first is preferred."""


class Duel(NamedTuple):
    """Two answers to one question; `id` is the question's."""

    id: str
    prompt: str
    ours: str
    theirs: str

    def question(self, is_swapped: bool) -> PairQuestion:
        """Put ours first, or theirs."""
        first, second = (self.theirs, self.ours) if is_swapped else (self.ours, self.theirs)
        return PairQuestion(self.prompt, first, second)


async def preferences(
    order: BenchJob, means: Means, prefer: Prefer, model: str, duels: Sequence[Duel]
) -> dict[str, float]:
    """Judge all duels of a model in both orders, and average; one without both verdicts is left out.

    Raises:
        WorkHalted: nothing more can be asked for now
    """
    games = [(duel, is_swapped) for duel in duels for is_swapped in (False, True)]

    def about(game: tuple[Duel, bool]) -> Mapping[str, Any]:
        duel, is_swapped = game
        return {"model": model, "question": duel.id, "ours_is_read": "second" if is_swapped else "first"}

    judged = await judge_all(
        order, means, f"judgements of {model}", games, lambda game: prefer(game[0].question(game[1])), about
    )
    found: dict[str, float] = {}
    for duel, there, back in zip(duels, judged[::2], judged[1::2], strict=True):
        if there.verdict is not None and back.verdict is not None:
            found[duel.id] = (there.verdict + 1 - back.verdict) / 2
    return found


@asynccontextmanager
async def preferring(order: BenchJob, means: Means) -> AsyncIterator[tuple[Prefer, str]]:
    """Open the judge of the order; yields how it is asked and, for the report, what its preferences are made of."""
    assert order.judge is not None, "the benchmark's check must have refused an order without a judge"
    if isinstance(means.models.chat_model(order.judge, order.device), LocalModel):
        async with reading(means, order.judge, order.device) as score:
            yield _by_odds(order.judge, score), "odds of the judge's letter"
        return
    async with means.judge() as judge:

        async def by_verdict(question: PairQuestion) -> Judgement[float]:
            told = await compare_once(judge, question)
            steps = None if told.verdict is None else ahead(told.verdict)
            won = None if steps is None else 0.5 + 0.5 * (steps > 0) - 0.5 * (steps < 0)
            return Judgement(told.key, won, told.feedback, told.reply, told.fault)

        yield by_verdict, "verdicts"


def _by_odds(spec: str, score: Score) -> Prefer:
    async def prefer(question: PairQuestion) -> Judgement[float]:
        text = PROMPTS.fill(
            "prefer",
            asked=asked(question.prompt, question.system),
            first=fenced("answer-a", question.first),
            second=fenced("answer-b", question.second),
        )
        conversation = Conversation.ask(text)
        first, second = (sum(told.logprobs) for told in await score([ScoreItem(conversation, one) for one in "AB"]))
        key = hashlib.sha256(f"{spec}\0{text}".encode("utf-8", "replace")).hexdigest()[:32]
        return Judgement(key, 1 / (1 + math.exp(second - first)), "", "")

    return prefer
