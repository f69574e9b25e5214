"""A model of this machine as a reader of texts, for as long as nobody wishes the job to stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from data_gen.errors import WorkHalted
from janus_space.benchmarks.bench import Means
from janus_space.engine.scores import ScoreItem, TokenScores
from janus_space.scorer import Score, Scorer


@asynccontextmanager
async def reading(means: Means, spec: str, device: str) -> AsyncIterator[Score]:
    """Hold the engine of a model; asking it raises `WorkHalted` once the job is to stop.

    Raises:
        ScoringRefused, UnknownModel, BadRequest, ModelNotFound, ModelRefused: as `Scorer.of`
        EngineFailed: the model cannot be loaded, or its engine has ended
    """
    async with Scorer.of(means.models, spec, device).ready(means.tell.say) as score:

        async def unless_stopped(items: Sequence[ScoreItem]) -> list[TokenScores]:
            if means.is_stopping():
                raise WorkHalted("Stopped; the same command goes on from what is kept.")
            return await score(items)

        yield unless_stopped
