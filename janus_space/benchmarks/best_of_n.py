"""Best of N: each question is answered several times, and a reward model chooses.

draws.jsonl    every answer of each question, its reward, and whether it was chosen

Each answer is asked as a draw of the same request, so the first one is that of a benchmark without choice, and another
N, or `--reuse`, pays for no draw twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from data_gen.asking import Answer, Failure, Request
from data_gen.errors import WorkHalted
from janus_space.benchmarks.bench import Model, Tell
from janus_space.benchmarks.keyed_lines import KeyedLines
from janus_space.best_of import Rate
from janus_space.errors import ScoringRefused
from janus_space.rewards import RewardModel

FILE = "draws.jsonl"


@dataclass(frozen=True)
class BestOf:
    """A model that answers with the best of several answers; `name` is that of its row."""

    name: str
    model: Model
    rate: Rate
    count: int
    kept: KeyedLines

    @property
    def halt(self) -> WorkHalted | None:
        return self.model.halt

    async def ask(self, request: Request) -> Answer | Failure:
        """Draw the answers and choose; where one of them cannot be had there is none, for it might have been best."""
        count = self.count if request.sampling.temperature else 1  # at 0 all would be the same
        requests = [replace(request, draw=number) for number in range(count)]
        told = await asyncio.gather(*map(self.model.ask, requests))
        failures = [one for one in told if isinstance(one, Failure)]
        if failures:
            return next((one for one in failures if one.kind == "halted"), failures[0])
        answers = cast("list[Answer]", told)
        try:
            rewards = await self.rate(request.conversation, [one.text for one in answers])
        except ScoringRefused as error:
            return Failure("failed", str(error))
        best = max(range(count), key=rewards.__getitem__)
        self._keep(request, answers, rewards, best)
        return answers[best]

    def _keep(self, request: Request, answers: Sequence[Answer], rewards: Sequence[float], best: int) -> None:
        asked = f"{self.name}\0{request.conversation.model_dump_json()}\0{request.sampling.model_dump_json()}"
        question = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:32]
        about = {"model": self.name, "system": request.conversation.system}
        about["prompt"] = request.conversation.messages[-1].content
        for number, (answer, reward) in enumerate(zip(answers, rewards, strict=True)):
            row = {**about, "draw": number + 1, "reward": reward, "is_chosen": number == best, "answer": answer.text}
            self.kept.add(f"{question}/{number + 1}", row)


@asynccontextmanager
async def choosing(
    name: str, model: Model, reward: RewardModel, count: int, folder: Path, tell: Tell
) -> AsyncIterator[BestOf]:
    """Hold the reward model beside a model that is open.

    Raises:
        ScoringRefused: the reward model cannot be loaded
    """
    with KeyedLines(folder / FILE) as kept:
        async with reward.ready(tell.say) as rate:
            yield BestOf(name, model, rate, count, kept)
