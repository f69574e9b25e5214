"""MT-Bench (arXiv:2306.05685): two turns a question, each answer rated from 1 to 10.

As in FastChat's llm_judge: a temperature for each category; maths, reasoning and coding are rated beside reference
answers; the second answer is rated with the first turn in sight; the score is the mean over questions and turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from data_gen.chat import Conversation
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.answers import Answers, Asked, answers_by, sampling_of
from janus_space.benchmarks.bench import ANSWERING, CHOOSING, JUDGING, Bench, Means, Report, refuse_without
from janus_space.benchmarks.judgements import judge_all, tell_cost
from janus_space.benchmarks.questions import drawn, read_rows
from janus_space.judging.average import average, by_source
from janus_space.judging.judge import Judge, Judgement
from janus_space.judging.rating import RatingQuestion, rate

REFERENCE_GUIDED = ("math", "reasoning", "coding")
TEMPERATURES = {
    **{"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1},
    **{"extraction": 0.0, "math": 0.0, "coding": 0.0, "reasoning": 0.0},
}
_OTHER_TEMPERATURE = 0.7


class MtQuestion(BaseModel):
    """A question of two turns, in the columns of FastChat or of the Hub's copies."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(validation_alias=AliasChoices("question_id", "prompt_id", "id"))
    category: str
    turns: tuple[str, str] = Field(validation_alias=AliasChoices("turns", "prompt"))
    reference: tuple[str, ...] = ()


class _Choice(BaseModel):
    turns: tuple[str, str]


class _Reference(BaseModel):
    """A reference answer in FastChat's form."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    question_id: str
    choices: tuple[_Choice, ...] = Field(min_length=1)


class Rating(NamedTuple):
    """One question to the judge: which turn of which question, in which run."""

    question: MtQuestion
    turn: int
    run: int


def check(order: BenchJob) -> None:
    """Refuse an order without models, a judge or questions."""
    questions = "its questions, a file like FastChat's question.jsonl or hub:HuggingFaceH4/mt_bench_prompts"
    refuse_without(order, "MT-Bench", {"model": "a model that answers", "judge": "a judge", "data": questions})


async def run(order: BenchJob, means: Means) -> Report:
    """Ask every model both turns, have both rated, and average."""
    questions, data = drawn(order, MtQuestion, lambda one: one.id, means.folder)
    questions = _with_references(questions, order, means)
    ratings = [Rating(one, turn, time) for time in range(order.runs) for one in questions for turn in (0, 1)]
    stand_in = "An answer of about two hundred words, as models give them. " * 20
    tell_cost(order, means, [_shown(one, [stand_in] * 2).text() for one in ratings], len(order.model))
    answers = {spec: await _answers(order, means, spec, questions) for spec in order.measured}
    rows = []
    async with means.judge() as judge:
        for spec in order.measured:
            rated = await _rated(order, means, judge, spec, answers[spec], ratings)
            rows.append(_row(spec, answers[spec], rated))
    guided = [one for one in questions if one.category in REFERENCE_GUIDED]
    facts = {
        "judge": order.judge,
        "runs": order.runs,
        "questions": len(questions),
        "reference_guided": sum(bool(one.reference) for one in guided),
        **data.as_facts(),
    }
    return Report(rows, facts)


def _with_references(questions: list[MtQuestion], order: BenchJob, means: Means) -> list[MtQuestion]:
    """Add the reference answers of a file; say which questions should have one and have none."""
    known: dict[str, tuple[str, ...]] = {}
    if order.references is not None:
        found, _ = read_rows(str(order.references), _Reference, means.folder)
        known = {one.question_id: one.choices[0].turns for one in found}
    filled = [one.model_copy(update={"reference": known.get(one.id, one.reference)}) for one in questions]
    without = [one for one in filled if one.category in REFERENCE_GUIDED and not any(one.reference)]
    if without:
        means.tell.say(
            f"{len(without)} questions of maths, reasoning and coding have no reference answer and are rated without:"
            " give --references."
        )
    return filled


async def _answers(order: BenchJob, means: Means, spec: str, questions: Sequence[MtQuestion]) -> Answers:
    """Ask the first turns, then the second ones, each after the model's own first answer."""
    async with means.model(spec) as model:
        opened = {one.id: Conversation.ask(one.turns[0]) for one in questions}
        first = await answers_by(
            order, means, spec, model, [_asked(order, one, 0, opened[one.id]) for one in questions]
        )
        second = [
            _asked(order, one, 1, opened[one.id].then(first.given[name].text, one.turns[1]))
            for one in questions
            if (name := f"{one.id}/1") in first.given
        ]
        then = await answers_by(order, means, spec, model, second)
    lost = {f"{name.removesuffix('/1')}/2": reason for name, reason in first.failed.items()}
    return Answers({**first.given, **then.given}, {**first.failed, **then.failed, **lost})


def _asked(order: BenchJob, question: MtQuestion, turn: int, conversation: Conversation) -> Asked:
    name = f"{question.id}/{turn + 1}"
    temperature = TEMPERATURES.get(question.category, _OTHER_TEMPERATURE)
    plain = {"temperature": temperature, "top_p": 1.0, "repetition_penalty": 1.0}
    return Asked(name, conversation, sampling_of(order, name).model_copy(update=plain))


def _shown(rating: Rating, answers: Sequence[str]) -> RatingQuestion:
    one = rating.question
    guides = one.reference if one.category in REFERENCE_GUIDED else ()
    turns = [
        (one.turns[turn], answers[turn], guides[turn] if turn < len(guides) else None)
        for turn in range(rating.turn + 1)
    ]
    return RatingQuestion(turns)


async def _rated(
    order: BenchJob, means: Means, judge: Judge, spec: str, answers: Answers, ratings: Sequence[Rating]
) -> list[tuple[Rating, Judgement[int]]]:
    """Rate whatever was answered."""
    given = answers.given
    able = [one for one in ratings if f"{one.question.id}/{one.turn + 1}" in given]

    def shown(one: Rating) -> RatingQuestion:
        return _shown(one, [given[f"{one.question.id}/{turn}"].text for turn in range(1, one.turn + 2)])

    def about(one: Rating) -> Mapping[str, Any]:
        told = {"model": spec, "question": one.question.id, "category": one.question.category}
        return {**told, "turn": one.turn + 1, "run": one.run + 1}

    judgements = await judge_all(
        order, means, f"ratings of {spec}", able, lambda one: rate(judge, shown(one), one.run), about
    )
    return list(zip(able, judgements, strict=True))


def _row(spec: str, answers: Answers, rated: Sequence[tuple[Rating, Judgement[int]]]) -> dict[str, Any]:
    """Average one model's ratings: all of them, each turn's, and each category's."""
    scored = [(one, float(found.verdict)) for one, found in rated if found.verdict is not None]
    counted = {"unanswered": len(answers.failed), "unscored": len(rated) - len(scored)}
    if not scored:
        faults = [*answers.failed.values(), *(found.fault for _, found in rated if found.fault)]
        return {"model": spec, "n": 0, "error": f"Nothing could be rated: {next(iter(faults), 'no reply')}", **counted}
    row: dict[str, Any] = {"model": spec, "n": len(scored)}
    row |= average([(one.question.id, score) for one, score in scored]).as_columns("score")
    for turn in (0, 1):
        of_turn = [(one.question.id, score) for one, score in scored if one.turn == turn]
        row |= average(of_turn).as_columns(f"turn_{turn + 1}") if of_turn else {}
    categories = by_source([(one.question.category, one.question.id, score) for one, score in scored])
    row["categories"] = {name: {**found.as_columns("score"), "n": found.n} for name, found in categories.items()}
    return row | counted


BENCH = Bench(
    "mt",
    "MT-Bench: two turns a question, rated from 1 to 10",
    check,
    run,
    ANSWERING | CHOOSING | JUDGING | {"references", "runs"},
)
