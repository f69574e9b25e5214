"""A model of this machine that says how likely it finds given answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from janus_space.engine.scores import ScoreItem, TokenScores, score
from janus_space.errors import ScoringRefused
from janus_space.models import Engines, LocalModel, Models
from trainer.model_spec import ModelSpec

Score = Callable[[Sequence[ScoreItem]], Awaitable[list[TokenScores]]]


@dataclass(frozen=True)
class Scorer:
    """Found, and not yet started."""

    spec: str
    device: str
    engines: Engines
    weights: ModelSpec | None = None
    """Where they lie, if the spec does not say so itself, as `job:NAME` does not."""

    @classmethod
    def of(cls, models: Models, spec: str, device: str = "auto") -> Scorer:
        """Find the model that `spec` names; nothing is loaded yet.

        Raises:
            ScoringRefused: it is remote, or `echo:`, and has no log-probabilities to give
            UnknownModel, BadRequest, ModelNotFound, ModelRefused: as `Models.chat_model`
        """
        model = models.chat_model(spec, device)
        if not isinstance(model, LocalModel):
            raise ScoringRefused(
                f"{model.spec} does not tell how likely it finds a text: choose a model that runs on this machine,"
                " such as embedded:smollm2, an hf: model or a path: model."
            )
        return cls(model.spec, device, models.engines, model.weights)

    @asynccontextmanager
    async def ready(self, on_wait: Callable[[str], None]) -> AsyncIterator[Score]:
        """Hold its engine; `on_wait` hears why that takes time. Cancelling a score stops the engine's work on it.

        Raises:
            EngineFailed: the model cannot be loaded, or its engine has ended
        """
        weights = self.weights or ModelSpec.parse(self.spec)
        async with self.engines.lease(weights.base, self.device, on_wait) as endpoint:
            yield partial(score, endpoint, str(weights))
