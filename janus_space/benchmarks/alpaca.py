"""AlpacaEval 2.0 (arXiv:2404.04475): how often a judge prefers a model's answers to a baseline's, with and without
length control.

Either from stored judgements (`--annotations` alone), or end to end: models answer the instructions of a file that
holds the baseline's answers, and a judge compares. Then `--annotations` may give the judgements of other models on
the same instructions, from which the instructions' ease is known better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from data_gen.chat import Conversation
from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.annotations import read_annotations
from janus_space.benchmarks.answers import Answers, Asked, answer_all, sampling_of
from janus_space.benchmarks.bench import ANSWERING, CHOOSING, JUDGING, Bench, Means, Report
from janus_space.benchmarks.judgements import tell_cost
from janus_space.benchmarks.length_control import Floats, Judgements, controlled, eases, instructions_of
from janus_space.benchmarks.preference import Duel, Prefer, preferences, preferring
from janus_space.benchmarks.questions import read_rows, sample
from janus_space.benchmarks.shares import share
from janus_space.judging.average import Average

DATA = "hub:tatsu-lab/alpaca_eval:alpaca_eval_gpt4_baseline.json"


class AlpacaRow(BaseModel):
    """An instruction and the baseline's answer to it; the Hub calls that `output`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    instruction: str = Field(min_length=1)
    baseline_output: str = Field(validation_alias=AliasChoices("baseline_output", "output"))


Numbered = tuple[int, AlpacaRow]


def check(order: BenchJob) -> None:
    """Refuse an order with neither stored judgements nor a model and a judge."""
    if order.annotations is not None and order.judge is None:
        _asked_for(order, read_annotations(order.annotations))
    elif not order.model or order.judge is None:
        raise BadRequest(
            "The alpaca bench needs stored judgements (--annotations FILE), or models that answer and a judge"
            " (--model, --judge)."
        )


async def run(order: BenchJob, means: Means) -> Report:
    """Compute win rates of stored judgements, or ask, judge and compute."""
    if order.judge is not None:
        return await _end_to_end(order, means)
    assert order.annotations is not None, "check refuses an order without either"
    judged = read_annotations(order.annotations)
    told = {one.model: _row(one, ease, True) for one, ease in zip(judged, eases(judged), strict=True)}
    rows = [told[model] for model in _asked_for(order, judged)]
    return Report(rows, {"annotations": order.annotations.name, "instructions": instructions_of(judged)})


async def _end_to_end(order: BenchJob, means: Means) -> Report:
    others = [] if order.annotations is None else read_annotations(order.annotations)
    rows, data = read_rows(order.data or DATA, AlpacaRow, means.folder)
    numbered: list[Numbered] = sample(list(enumerate(rows)), lambda one: one[0], order.limit, order.seed)
    asked = [
        Asked(str(number), Conversation.ask(row.instruction), sampling_of(order, str(number)))
        for number, row in numbered
    ]
    answers = {spec: await answer_all(order, means, spec, asked) for spec in order.measured}
    async with preferring(order, means) as (prefer, kind):
        if kind == "verdicts":
            _tell_cost(order, means, numbered)
        judged = {spec: await _judged(order, means, prefer, spec, numbered, answers[spec]) for spec in order.measured}
    some = [one for one in judged.values() if one is not None]
    ease = dict(zip((one.model for one in some), eases([*some, *others]), strict=False)) if some else {}
    told = [_told(spec, one, ease, answers[spec], len(numbered)) for spec, one in judged.items()]
    known_by = len(others) + len(some) - 1
    facts = {"judge": order.judge, "preferences": kind, "instructions": len(numbered), **data.as_facts()}
    return Report(told, {**facts, "models_that_tell_ease": max(0, known_by)})


async def _judged(
    order: BenchJob, means: Means, prefer: Prefer, spec: str, numbered: Sequence[Numbered], answers: Answers
) -> Judgements | None:
    duels = [
        Duel(str(number), row.instruction, answers.given[str(number)].text, row.baseline_output)
        for number, row in numbered
        if str(number) in answers.given
    ]
    won = await preferences(order, means, prefer, spec, duels)
    kept = [duel for duel in duels if duel.id in won]
    if not kept:
        return None
    return Judgements(
        spec,
        np.array([int(duel.id) for duel in kept]),
        np.array([won[duel.id] for duel in kept]),
        np.array([float(len(duel.theirs)) for duel in kept]),
        np.array([float(len(duel.ours)) for duel in kept]),
    )


def _told(
    spec: str, judged: Judgements | None, ease: Mapping[str, Floats], answers: Answers, of: int
) -> dict[str, Any]:
    if judged is None:
        why = next(iter(answers.failed.values()), "the judge gave no verdict that can be read")
        return {"model": spec, "n": 0, "error": f"There is nothing to compute a win rate from: {why}"}
    row = _row(judged, ease[spec], False)
    return {**row, "unscored": of - len(judged.won)}


def _row(judged: Judgements, ease: Floats, is_by_position: bool) -> dict[str, Any]:
    """Return a model's figures in percent, each with its 95% interval."""
    count = len(judged.won)
    won = share(float(judged.won.mean()), count, 100)
    row = {"model": judged.model, "n": count, **won.as_columns("win_rate")}
    row |= _controlled(judged, ease, is_by_position).as_columns("lc_win_rate")
    row["mean_chars"] = round(float(judged.model_chars.mean()))
    if is_by_position and count < len(ease):
        by_instruction = _controlled(judged, ease, False)
        row |= {"missing": len(ease) - count, "lc_win_rate_by_instruction": round(by_instruction.mean, 4)}
    return row


def _controlled(judged: Judgements, ease: Floats, is_by_position: bool) -> Average:
    told = controlled(judged, ease, is_by_position)
    low, high = told.interval
    return Average(100 * told.win_rate, (100 * low, 100 * high), len(judged.won))


def _asked_for(order: BenchJob, judged: Sequence[Judgements]) -> Sequence[str]:
    """Return the models to report, all where none is named."""
    there = [one.model for one in judged]
    for name in order.model:
        if name not in there:
            raise BadRequest(f"The annotations hold no judgements of {name[:100]!r}, only of {', '.join(there)[:500]}.")
    return order.model or there


def _tell_cost(order: BenchJob, means: Means, numbered: Sequence[Numbered]) -> None:
    """Reckon with answers as long as the baseline's."""
    stand_ins = [Duel("", row.instruction, row.baseline_output, row.baseline_output) for _, row in numbered]
    tell_cost(order, means, [duel.question(False).text() for duel in stand_ins], 2 * len(order.model))


BENCH = Bench(
    "alpaca",
    "AlpacaEval 2.0: win rate against a baseline, with and without length control",
    check,
    run,
    ANSWERING | CHOOSING | JUDGING | {"annotations"},
)
