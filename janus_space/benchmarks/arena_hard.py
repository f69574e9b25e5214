"""Arena-Hard-Auto v0.1 (arXiv:2406.11939): each answer meets a baseline's, in two games with places swapped.

The baseline is a model, or a file of its answers (the original's is gpt-4-0314). Five verdicts; scores, intervals and
style control are in `arena_score.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from data_gen.chat import Conversation
from data_gen.source import is_on_hub
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.answers import Answers, Asked, answer_all, sampling_of
from janus_space.benchmarks.arena_score import Battle, Score, scores
from janus_space.benchmarks.bench import ANSWERING, JUDGING, Bench, Means, Report, refuse_without
from janus_space.benchmarks.judgements import judge_all, tell_cost
from janus_space.benchmarks.questions import drawn, read_rows
from janus_space.benchmarks.style import style_difference
from janus_space.judging.judge import Judge, Judgement
from janus_space.judging.pairwise import VERDICTS, PairQuestion, ahead, compare_once

_ID = AliasChoices("uid", "question_id", "id")


def _text(value: Any) -> Any:
    """Take the text out of the shapes in which the benchmark's files hold turns and answers."""
    if isinstance(value, list) and value:
        return _text(value[-1])
    if isinstance(value, dict):
        return _text(next((value[key] for key in ("turns", "content", "answer") if key in value), None))
    return value


class ArenaQuestion(BaseModel):
    """A question of one turn, in the columns of either version of the benchmark's file."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(validation_alias=_ID)
    cluster: str | None = None
    prompt: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _take_turns(cls, row: Any) -> Any:
        return {**row, "prompt": _text(row["turns"])} if "turns" in row and "prompt" not in row else row


class _StoredAnswer(BaseModel):
    """A baseline's answer, in the original's files or as plain columns."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(validation_alias=_ID)
    answer: str

    @model_validator(mode="before")
    @classmethod
    def _take_answer(cls, row: Any) -> Any:
        found = next((row[key] for key in ("answer", "output", "choices", "messages") if key in row), None)
        return {**row, "answer": _text(found)}


class Game(NamedTuple):
    """One question to the judge: where ours stands first or second."""

    question: ArenaQuestion
    ours: str
    theirs: str
    is_first: bool
    run: int

    def shown(self) -> PairQuestion:
        """Put the answers into their places."""
        first, second = (self.ours, self.theirs) if self.is_first else (self.theirs, self.ours)
        return PairQuestion(self.question.prompt, first, second)

    def steps(self, verdict: str) -> int:
        """Say how far ours is ahead, from -2 to 2."""
        return ahead(verdict) if self.is_first else -ahead(verdict)


def check(order: BenchJob) -> None:
    """Refuse an order without models, a judge, questions or a baseline."""
    questions = "its questions, a file like its question.jsonl"
    baseline = "a baseline, a model or a file of its answers (the original's is gpt-4-0314)"
    needs = {"model": "a model that answers", "judge": "a judge", "data": questions, "baseline": baseline}
    refuse_without(order, "Arena-Hard", needs)


async def run(order: BenchJob, means: Means) -> Report:
    """Ask every model, have every answer compared with the baseline's in both orders, and score."""
    questions, data = drawn(order, ArenaQuestion, lambda one: one.id, means.folder)
    tell_cost(order, means, [one.prompt + " word" * 800 for one in questions], 2 * order.runs * len(order.model))
    baseline = await _baseline(order, means, questions)
    answers = {spec: await _answers(order, means, spec, questions) for spec in order.model}
    games: dict[str, list[tuple[Game, Judgement[str]]]] = {}
    async with means.judge() as judge:
        for spec in order.model:
            games[spec] = await _played(order, means, judge, spec, questions, answers[spec], baseline)
    facts = {
        "judge": order.judge,
        "baseline": order.baseline,
        "runs": order.runs,
        "questions": len(questions),
        "place_bias": _place_bias([one for played in games.values() for one in played]),
        **data.as_facts(),
    }
    return Report(_rows(order, answers, games), facts)


async def _baseline(order: BenchJob, means: Means, questions: Sequence[ArenaQuestion]) -> Mapping[str, str]:
    """Return the baseline's answers by question: from a file, or asked of a model."""
    assert order.baseline is not None
    if is_on_hub(Path(order.baseline)) or Path(order.baseline).is_file():
        stored, _ = read_rows(order.baseline, _StoredAnswer, means.folder)
        return {one.id: one.answer for one in stored}
    answers = await _answers(order, means, order.baseline, questions)
    return {name: answer.text for name, answer in answers.given.items()}


async def _answers(order: BenchJob, means: Means, spec: str, questions: Sequence[ArenaQuestion]) -> Answers:
    plain = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0}  # as the original
    asked = [
        Asked(one.id, Conversation.ask(one.prompt), sampling_of(order, one.id).model_copy(update=plain))
        for one in questions
    ]
    return await answer_all(order, means, spec, asked)


async def _played(
    order: BenchJob,
    means: Means,
    judge: Judge,
    spec: str,
    questions: Sequence[ArenaQuestion],
    answers: Answers,
    baseline: Mapping[str, str],
) -> list[tuple[Game, Judgement[str]]]:
    """Play both games of each question that both have answered."""
    games = [
        Game(one, answers.given[one.id].text, baseline[one.id], is_first, turn)
        for turn in range(order.runs)
        for one in questions
        if one.id in answers.given and one.id in baseline
        for is_first in (True, False)
    ]

    def about(game: Game) -> Mapping[str, Any]:
        stands = "first" if game.is_first else "second"
        told = {"model": spec, "question": game.question.id, "cluster": game.question.cluster}
        return {**told, "model_stands": stands, "run": game.run + 1}

    judgements = await judge_all(
        order, means, f"games of {spec}", games, lambda game: compare_once(judge, game.shown(), game.run), about
    )
    return list(zip(games, judgements, strict=True))


def _rows(
    order: BenchJob, answers: Mapping[str, Answers], games: Mapping[str, Sequence[tuple[Game, Judgement[str]]]]
) -> list[dict[str, Any]]:
    """Score all models together, for the style of all of them tells what style is worth to this judge."""
    rows: dict[str, dict[str, Any]] = {}
    battles: list[Battle] = []
    scored: list[str] = []
    asked = sorted({game.question.id for played in games.values() for game, _ in played})
    places = {name: place for place, name in enumerate(asked)}
    for spec in order.model:
        decided = [(game, found.verdict) for game, found in games[spec] if found.verdict is not None]
        rows[spec] = {"model": spec, "n": len({game.question.id for game, _ in decided}), "games": len(decided)}
        rows[spec] |= {"unanswered": len(answers[spec].failed), "unscored": len(games[spec]) - len(decided)}
        if not decided:
            faults = [*answers[spec].failed.values(), *(found.fault for _, found in games[spec] if found.fault)]
            rows[spec]["error"] = f"No game has a verdict: {next(iter(faults), 'the baseline has no answers')}"
            continue
        battles += [
            Battle(len(scored), places[game.question.id], game.steps(verdict), style_difference(game.ours, game.theirs))
            for game, verdict in decided
        ]
        scored.append(spec)
        rows[spec]["verdicts"] = _verdicts(decided)
    if scored:
        for spec, found in zip(scored, scores(battles, len(scored), order.seed), strict=True):
            rows[spec] |= _columns("score", found.plain) | _columns("style_controlled_score", found.at_equal_style)
    return [rows[spec] for spec in order.model]


def _columns(name: str, found: Score) -> dict[str, Any]:
    return {name: round(found.score, 2), f"{name}_ci": [round(end, 2) for end in found.interval]}


def _verdicts(decided: Sequence[tuple[Game, str]]) -> dict[str, int]:
    """Count verdicts from ours' side, clear win first."""
    names = ("clear win", "slight win", "tie", "slight loss", "clear loss")
    steps = [game.steps(verdict) for game, verdict in decided]
    return {name: steps.count(2 - place) for place, name in enumerate(names)}


def _place_bias(played: Sequence[tuple[Game, Judgement[str]]]) -> float | None:
    """Return how far the answer that stands first is ahead, from -2 to 2, whoever's it is; 0 for a fair judge."""
    found = [ahead(judgement.verdict) for _, judgement in played if judgement.verdict in VERDICTS]
    return round(sum(found) / len(found), 4) if found else None


BENCH = Bench(
    "arena-hard",
    "Arena-Hard-Auto v0.1: answers against a baseline's, in both orders",
    check,
    run,
    ANSWERING | JUDGING | {"baseline", "runs"},
)
