"""Measure the steerability of models: every answer is scored under every message of its instruction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from data_gen.chat import Conversation
from janus_space import steer_data
from janus_space.engine.scores import ScoreItem
from janus_space.errors import ScoringRefused, SpaceError
from janus_space.scorer import Scorer
from janus_space.steer_data import SteerData
from trainer.steerability import Figure, Steerability, arranged, questions, steerability

Row = dict[str, Any]


class Steering(NamedTuple):
    """How far one model has come, in instructions; `note` says why it waits."""

    model: str
    done: int
    of: int
    note: str | None = None


class Steered(NamedTuple):
    """What one model's scores say, or the one sentence that says why there are none."""

    model: str
    told: Steerability | None
    error: str | None = None


SteerEvent = Steering | Steered


async def steer(
    scorers: Sequence[Scorer], data: SteerData, seed: int, on_event: Callable[[SteerEvent], None] = lambda _: None
) -> list[Steered]:
    """Measure one model after the other; one that fails has an error and leaves the others alone."""
    measured = []
    for scorer in scorers:
        try:
            one = Steered(scorer.spec, await _measured(scorer, data, seed, on_event))
        except SpaceError as error:
            one = Steered(scorer.spec, None, str(error))
        on_event(one)
        measured.append(one)
    return measured


def row(steered: Steered) -> Row:
    """Give one model's figures as the command line and the API do; intervals are [low, high].

    A model that failed has no figures, and an `error`.
    """
    told = steered.told
    if told is None:
        return {"model": steered.model, **dict.fromkeys(_FIGURES), "error": steered.error}
    figures = (
        told.n,
        told.instructions,
        told.margin.mean,
        _interval(told.margin),
        told.attribution.mean,
        told.selection.mean,
        told.own.mean,
        told.empty.mean,
        told.shuffled.mean,
        _interval(told.shuffled),
    )
    return {"model": steered.model, **dict(zip(_FIGURES, figures, strict=True))}


_FIGURES = (
    "n",
    "instructions",
    "margin",
    "margin_ci",
    "attribution_accuracy",
    "selection_accuracy",
    "own_logprob",
    "empty_logprob",
    "shuffled_margin",
    "shuffled_margin_ci",
)


async def _measured(scorer: Scorer, data: SteerData, seed: int, on_event: Callable[[SteerEvent], None]) -> Steerability:
    of = len(data.instructions)
    scores = []
    async with scorer.ready(lambda reason: on_event(Steering(scorer.spec, 0, of, reason))) as score:
        for done, group in enumerate(data.instructions, 1):
            items = [ScoreItem(Conversation.ask(one.prompt, one.system), one.answer) for one in questions(group)]
            try:
                scores.append(arranged([scored.mean for scored in await score(items)]))
            except ScoringRefused as error:
                raise ScoringRefused(f"{steer_data.name(group)}: {error}") from error
            on_event(Steering(scorer.spec, done, of))
    # In a thread: the page's event loop must not wait for thousands of bootstrap rounds.
    told = await asyncio.to_thread(steerability, scores, seed=seed)
    return replace(told, left_out=data.left_out)


def _interval(figure: Figure) -> list[float]:
    return [figure.low, figure.high]
