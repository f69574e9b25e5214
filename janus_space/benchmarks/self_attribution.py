"""Whose answer is it? Each model answers every instruction under each of its messages; a reader tells them apart.

The reader (`--reader`) is one model of this machine for all: it gives the K×K matrix of mean log-probabilities a token,
and an answer is attributed if it is likeliest under its own message. The same is told from sentence embeddings, where
they are installed, without any language model: the message that an answer is nearest to. Beside it stand the length and
repetition of the answers, and the same without any system message, so that a model that writes anything but sentences
is seen to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.chat import Conversation
from janus_space import steer_data
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import embeddings
from janus_space.benchmarks.answers import Asked, answer_all, sampling_of
from janus_space.benchmarks.bench import ANSWERING, CHOOSING, Bench, Means, Report, refuse_without
from janus_space.benchmarks.questions import sample
from janus_space.benchmarks.reading import reading
from janus_space.engine.scores import ScoreItem
from janus_space.judging.average import average
from janus_space.scorer import Score, Scorer
from trainer.steerability import Example, margins, wins

HELD_OUT = Path(__file__).parents[2] / "assets" / "multifaceted_mini" / "test.jsonl"
NAME = "self-attribution"
_GRAM = 4

Floats = NDArray[np.float64]
Answers = Mapping[str, str]


@dataclass
class _Told:
    """What was found of one model, as (instruction, value) so that intervals know what belongs together."""

    read: list[tuple[str, float]] = field(default_factory=list)
    margin: list[tuple[str, float]] = field(default_factory=list)
    nearest: list[tuple[str, float]] = field(default_factory=list)
    plain: list[tuple[str, float]] = field(default_factory=list)
    """Log-probability a token, under the reader, of what is answered without a system message."""


def _check(order: BenchJob) -> None:
    refuse_without(order, "The self-attribution bench", {"model": "a model that answers, such as embedded:smollm2"})
    steer_data.read(_file(order))


async def _run(order: BenchJob, means: Means) -> Report:
    groups = sample(steer_data.read(_file(order)).instructions, steer_data.name, order.limit, order.seed)
    Scorer.of(means.models, order.reader, order.device)  # refuses before anything is asked
    embed = embeddings.load()
    if embed is None:
        means.tell.say(embeddings.MISSING)
    rows = []
    for spec in order.measured:
        asked = [one for group in groups for one in _asked(order, group)]
        answers = {key: one.text for key, one in (await answer_all(order, means, spec, asked)).given.items()}
        told = _Told()
        async with reading(means, order.reader, order.device) as score:
            for done, group in enumerate(groups, 1):
                await _read(group, answers, score, told)
                if embed is not None:
                    _near(group, answers, embed, told)
                means.tell.step(f"answers of {spec} read", done, len(groups))
        rows.append(_row(spec, answers, told))
    facts = {"reader": order.reader, "embeddings": embed and embed.name, "data": _file(order).name}
    return Report(rows, facts | {"instructions": len(groups)})


def _asked(order: BenchJob, group: Sequence[Example]) -> list[Asked]:
    """List an instruction under each of its messages, and once without any."""
    systems = [example.system for example in group] + [None]
    ids = [_id(group, place) for place in range(len(group))] + [_plain_id(group)]
    return [
        Asked(key, Conversation.ask(group[0].prompt, system), sampling_of(order, key))
        for key, system in zip(ids, systems, strict=True)
    ]


async def _read(group: Sequence[Example], answers: Answers, score: Score, told: _Told) -> None:
    """Have one model's answers to one instruction read under every message; a missing answer has no row."""
    name, places = steer_data.name(group), [place for place in range(len(group)) if _given(answers, _id(group, place))]
    items = [
        ScoreItem(Conversation.ask(one.prompt, one.system), answers[_id(group, place)])
        for place in places
        for one in group
    ]
    if _given(answers, _plain_id(group)):
        items.append(ScoreItem(Conversation.ask(group[0].prompt, ""), answers[_plain_id(group)]))
    found = [scores.mean for scores in await score(items)]
    if _given(answers, _plain_id(group)):
        told.plain.append((name, found.pop()))
    table = np.full((len(group), len(group)), -np.inf)
    table[places] = np.array(found).reshape(len(places), len(group))
    _note(name, table, places, told.read)
    own = margins(np.where(np.isinf(table), 0.0, table)).diagonal()
    told.margin += [(name, float(own[place])) for place in places]


def _near(group: Sequence[Example], answers: Answers, embed: embeddings.Embed, told: _Told) -> None:
    """Tell from sentence embeddings which message each answer is nearest to."""
    places = [place for place in range(len(group)) if _given(answers, _id(group, place))]
    if not places:
        return
    vectors = embed([one.system for one in group] + [answers[_id(group, place)] for place in places])
    table = np.full((len(group), len(group)), -np.inf)
    table[places] = vectors[len(group) :] @ vectors[: len(group)].T
    _note(steer_data.name(group), table, places, told.nearest)


def _note(name: str, table: Floats, places: Sequence[int], into: list[tuple[str, float]]) -> None:
    credit = wins(table)
    into += [(name, float(credit[place])) for place in places]


def _row(spec: str, answers: Answers, told: _Told) -> dict[str, Any]:
    if not told.read:
        return {"model": spec, "n": 0, "error": f"{spec} gave no answers."}
    under = [text.split() for key, text in answers.items() if not key.endswith("/none")]
    plain = [text.split() for key, text in answers.items() if key.endswith("/none")]
    row: dict[str, Any] = {"model": spec, "n": len(told.read)}
    row |= average(told.read).as_columns("self_attribution") | average(told.margin).as_columns("self_margin")
    row |= average(told.nearest).as_columns("embedding_attribution") if told.nearest else {}
    row |= {"words": _mean(map(len, under)), "repetition": _mean(map(repetition, under))}
    row |= {"plain_words": _mean(map(len, plain)), "plainrepetition": _mean(map(repetition, plain))}
    return row | (average(told.plain).as_columns("plain_logprob") if told.plain else {})


def repetition(words: Sequence[str]) -> float:
    """Return the share of an answer's word 4-grams that it has said before."""
    grams = [tuple(words[at : at + _GRAM]) for at in range(len(words) - _GRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _mean(values: Any) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else 0.0


def _file(order: BenchJob) -> Path:
    return HELD_OUT if order.data is None else Path(order.data)


def _id(group: Sequence[Example], place: int) -> str:
    return f"{group[0].instruction_id or group[0].prompt}/{place}"


def _plain_id(group: Sequence[Example]) -> str:
    return f"{group[0].instruction_id or group[0].prompt}/none"


def _given(answers: Answers, key: str) -> bool:
    return bool(answers.get(key, "").strip())


BENCH = Bench(
    NAME,
    "whose answer is it: generated answers told apart by a fixed reader",
    _check,
    _run,
    ANSWERING | CHOOSING | {"reader"},
)
