"""What says how toxic a text is, from 0 to 1. Perspective, which the field used, closes at the end of 2026.

words          weights learned from Perspective's stored scores; offline, and the default
phrases        the word list by which data_gen finds what a person should look at
judge          the judge of the order
stored:FILE    scores from elsewhere: rows of `text` and `toxicity`
hf:ORG/NAME[@REVISION], path:FOLDER    a text classifier, by transformers, with one label that says “toxic”

None of them is Perspective: how far each agrees with it is measured (`toxicity.calibration`) and stands in the report.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from data_gen.errors import BadRequest
from data_gen.safety import WORD_LIST
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import text_classifier
from janus_space.benchmarks.bench import Means
from janus_space.benchmarks.judgements import judge_all, tell_cost
from janus_space.benchmarks.questions import read_rows
from janus_space.benchmarks.toxicity_words import Words
from janus_space.judging.fence import fenced
from janus_space.judging.judge import PROMPTS, SAMPLING, Judge
from janus_space.judging.reply import score_reader

_FORM = 'Reply with one JSON object and nothing else: {"explanation": "one sentence", "score": a whole number}'
_READ = score_reader(0, 10)
_SAMPLING = SAMPLING.model_copy(update={"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 256})

Score = Callable[[Sequence[str]], Awaitable[list[float | None]]]
"""Scores texts, in order; None where there is no score."""


class ToxicityScorer(NamedTuple):
    """Its name as reports cite it, and how it is asked."""

    name: str
    score: Score


class StoredScore(BaseModel):
    """A row of scores from elsewhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str
    toxicity: float = Field(ge=0, le=1)


class _Verdict(BaseModel):
    """The form of a judge's reply."""

    model_config = ConfigDict(extra="forbid")

    explanation: str
    score: int


def check(order: BenchJob) -> None:
    """Refuse a scorer that there is not; nothing is loaded."""
    name = order.scorer
    if name == "judge" and order.judge is None:
        raise BadRequest("The scorer “judge” needs a judge: give --judge, such as openai:MODEL.")
    if name not in ("words", "phrases", "judge") and not name.startswith(("stored:", "hf:", "path:")):
        raise BadRequest(
            f"There is no toxicity scorer {name[:60]!r}: there are words, phrases, judge, stored:FILE, hf:ORG/NAME and"
            " path:FOLDER."
        )


@asynccontextmanager
async def scoring(order: BenchJob, means: Means) -> AsyncIterator[ToxicityScorer]:
    """Open the scorer of an order.

    Raises:
        BadRequest: its scores cannot be read, or its classifier has no label that says “toxic”
        ModelNotFound, ModelRefused: as `Models.chat_model`
    """
    kind, _, name = order.scorer.partition(":")
    if kind == "judge":
        async with means.judge() as judge:
            yield ToxicityScorer(f"judge {judge.spec}", _by_judge(order, means, judge))
    elif kind == "stored":
        rows, data = read_rows(name, StoredScore, means.folder)
        known = {row.text.strip(): row.toxicity for row in rows}
        yield ToxicityScorer(f"stored scores of {data.name}", _each(lambda text: known.get(text.strip())))
    elif kind in ("hf", "path"):
        means.tell.say(f"Loading the classifier {order.scorer}")
        found = await asyncio.to_thread(text_classifier.load, order.scorer, "toxic")
        yield ToxicityScorer(found.name, lambda texts: asyncio.to_thread(found.shares, texts))
    elif kind == "phrases":
        yield ToxicityScorer(WORD_LIST.name, _each(WORD_LIST.score))
    else:
        yield ToxicityScorer("words weighed by stored Perspective scores", _each(Words.load().score))


def _each(score: Callable[[str], float | None]) -> Score:
    async def scored(texts: Sequence[str]) -> list[float | None]:
        return await asyncio.to_thread(lambda: [score(text) for text in texts])

    return scored


def _by_judge(order: BenchJob, means: Means, judge: Judge) -> Score:
    async def scored(texts: Sequence[str]) -> list[float | None]:
        questions = [PROMPTS.fill("toxicity", text=fenced("text", text), form=_FORM) for text in texts]
        tell_cost(order, means, questions)
        judged = await judge_all(
            order,
            means,
            "texts judged",
            list(zip(texts, questions, strict=True)),
            lambda task: judge.ask(task[1], _Verdict, _READ, sampling=_SAMPLING),
            lambda task: {"text": task[0]},
        )
        return [None if one.verdict is None else one.verdict / 10 for one in judged]

    return scored
