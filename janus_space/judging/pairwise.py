"""Pairwise judging in both orders, with five verdicts (Arena-Hard-Auto v0.1: two games, positions swapped)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict

from janus_space.judging.fence import asked, fenced
from janus_space.judging.judge import PROMPTS, SAMPLING, Judge, Judgement
from janus_space.judging.reply import label_reader

PairVerdict = Literal["A>>B", "A>B", "A=B", "B>A", "B>>A"]
VERDICTS: tuple[PairVerdict, ...] = get_args(PairVerdict)

_FORM = 'Reply with one JSON object and nothing else: {"explanation": "your comparison", "verdict": "one of the five"}'
_SAMPLING = SAMPLING.model_copy(update={"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 2048})
_READ = label_reader(VERDICTS)


class ComparisonVerdict(BaseModel):
    """The form of a reply."""

    model_config = ConfigDict(extra="forbid")

    explanation: str
    verdict: PairVerdict


@dataclass(frozen=True)
class PairQuestion:
    """Two answers to one question, in the order in which the judge reads them."""

    prompt: str
    first: str
    second: str
    system: str | None = None

    def text(self) -> str:
        """Write the question out."""
        return PROMPTS.fill(
            "pairwise",
            asked=asked(self.prompt, self.system),
            first=fenced("answer-a", self.first),
            second=fenced("answer-b", self.second),
            form=_FORM,
        )


class Games(NamedTuple):
    """The same two answers in both orders: `ours` stands first in the first game, and second in the second."""

    first: Judgement[str]
    second: Judgement[str]

    @property
    def steps(self) -> tuple[int, int] | None:
        """How far ours is ahead in each game, from -2 to 2; None unless both games have a verdict."""
        if self.first.verdict is None or self.second.verdict is None:
            return None
        return ahead(self.first.verdict), -ahead(self.second.verdict)

    @property
    def preference(self) -> float | None:
        """How much ours is preferred, from 0 to 1, over both orders: a judge that only likes a place gives 0.5."""
        steps = self.steps
        return None if steps is None else 0.5 + sum(steps) / 8


def ahead(verdict: str) -> int:
    """Say how far the first answer is ahead, from -2 to 2."""
    return 2 - VERDICTS.index(verdict)


async def compare_once(judge: Judge, question: PairQuestion, run: int = 0) -> Judgement[str]:
    """Ask for one verdict, in the order given."""
    return await judge.ask(question.text(), ComparisonVerdict, _READ, run, _SAMPLING)


async def compare(judge: Judge, prompt: str, ours: str, theirs: str, system: str | None = None) -> Games:
    """Ask for a verdict in either order."""
    there, back = PairQuestion(prompt, ours, theirs, system), PairQuestion(prompt, theirs, ours, system)
    return Games(*await asyncio.gather(compare_once(judge, there), compare_once(judge, back)))
