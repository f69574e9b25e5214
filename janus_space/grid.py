"""The self-attribution grid: does a model write answers that fit the message it was given better than the others?

Each model answers one question under K system messages, and a fixed scorer tells how likely it finds each of the K
answers under each of the K messages (mean log-probability a token, nats). An answer wins its row if it is likeliest
under its own message (probabilistic attribution: arXiv:2605.21726).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from data_gen.chat import ChatModel, Conversation, Message, Waiting
from data_gen.errors import BadRequest
from janus_space import playground
from janus_space.comparison import Column, ColumnEvent, Comparison
from janus_space.engine.scores import ScoreItem
from janus_space.errors import SpaceError
from janus_space.playground import Run
from janus_space.scorer import Scorer
from trainer.steerability import margins, wins


@dataclass(frozen=True)
class GridRow:
    """The answer of one column, scored under the message of each of its model's columns."""

    model: str
    column: int
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Grid:
    """One model's whole grid; the last event about it. An answer that failed or was stopped has no row."""

    model: str
    scorer: str
    columns: tuple[int, ...]
    logprobs: tuple[tuple[float, ...] | None, ...]
    n: int
    """Rows scored."""
    won: float | None
    """Share of these on whose diagonal the largest number stands; 1/K is chance."""
    margin: float | None
    """How much likelier an answer is under its own message than, on average, under the others."""
    note: str | None = None
    """Why scoring ended early, if it did."""


GridEvent = ColumnEvent | Waiting | GridRow | Grid


async def grid(
    comparison: Comparison, chat_model: Callable[[Column], ChatModel], scorer: Callable[[str], Scorer], run: Run
) -> AsyncGenerator[GridEvent, None]:
    """Have every column answered, then score the answers of each model that has several columns.

    `scorer` gives the scorer for a model's answers: the model itself, or the same for all. Stopping the run ends it
    after the row in work; closing the generator ends it at once.

    Raises before anything is asked:
        BadRequest: no model has two columns
        ScoringRefused and what else `Scorer.of` raises, for a model without log-probabilities
    """
    of_model: dict[str, list[int]] = {}
    for index, column in enumerate(comparison.columns):
        of_model.setdefault(column.model, []).append(index)
    scorers = {model: scorer(model) for model, columns in of_model.items() if len(columns) > 1}
    if not scorers:
        raise BadRequest("A grid compares answers under different system messages: give one model at least two.")
    answers: dict[int, str] = {}
    async with aclosing(playground.compare(comparison, chat_model, run)) as events:
        async for event in events:
            if event.state == "done" and event.text.strip():
                answers[event.column] = event.text
            yield event
    for model, by in scorers.items():
        async with aclosing(_scored(comparison, of_model[model], answers, by, run)) as scored:
            async for one in scored:
                yield one


async def _scored(
    comparison: Comparison, columns: list[int], answers: dict[int, str], scorer: Scorer, run: Run
) -> AsyncGenerator[GridEvent, None]:
    """Yield one model's rows as they are scored, and its grid."""
    events: asyncio.Queue[Waiting | GridRow | None] = asyncio.Queue()
    work = asyncio.create_task(_score_rows(comparison, columns, answers, scorer, run, events.put_nowait))
    work.add_done_callback(lambda _: events.put_nowait(None))
    rows: dict[int, tuple[float, ...]] = {}
    try:
        while (event := await events.get()) is not None:
            if isinstance(event, GridRow):
                rows[event.column] = event.logprobs
            yield event
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    failure = work.exception()
    if failure is not None and not isinstance(failure, SpaceError):
        raise failure
    model = comparison.columns[columns[0]].model
    yield _summed_up(model, scorer.spec, columns, rows, None if failure is None else str(failure))


async def _score_rows(
    comparison: Comparison,
    columns: list[int],
    answers: dict[int, str],
    scorer: Scorer,
    run: Run,
    put: Callable[[Waiting | GridRow], None],
) -> None:
    answered = [column for column in columns if column in answers]
    if not answered:
        return
    async with scorer.ready(lambda reason: put(Waiting(reason=reason))) as score:
        for column in answered:
            if run.is_stopped(column):
                continue
            asked = comparison.conversation(column)
            items = [ScoreItem(_under(comparison.columns[other].system, asked), answers[column]) for other in columns]
            logprobs = tuple(scores.mean for scores in await score(items))
            put(GridRow(comparison.columns[column].model, column, logprobs))


def _under(system: str | None, asked: Conversation) -> Conversation:
    """Put another system message, or none, in front of what was asked."""
    turns = asked.messages if asked.system is None else asked.messages[1:]
    opening = () if system is None else (Message(role="system", content=system),)
    return Conversation(messages=(*opening, *turns))


def _summed_up(
    model: str, scorer: str, columns: list[int], rows: dict[int, tuple[float, ...]], note: str | None
) -> Grid:
    # A row that is missing stands as zeros and is not counted.
    table = np.array([rows.get(column, (0.0,) * len(columns)) for column in columns])
    scored = [place for place, column in enumerate(columns) if column in rows]
    return Grid(
        model=model,
        scorer=scorer,
        columns=tuple(columns),
        logprobs=tuple(rows.get(column) for column in columns),
        n=len(scored),
        won=float(wins(table)[scored].mean()) if scored else None,
        margin=float(np.diagonal(margins(table))[scored].mean()) if scored else None,
        note=note,
    )
