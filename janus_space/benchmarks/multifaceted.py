"""Multifaceted Bench (arXiv:2405.17977 §4): answers under individual system messages, graded by four rubrics each.

Each answer is graded by its row's rubrics, a few runs each. A sample of rows is graded once more with the system
message, rubrics and reference of another row of the same instruction: from how well the two are told apart follows
how much the judge's scores say (`power`). Canaries tell how often the judge obeys the answers it judges.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from data_gen.asking import Answer
from data_gen.chat import Conversation
from data_gen.records import Rubric
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.answers import Answers, Asked, answer_all, sampling_of
from janus_space.benchmarks.bench import ANSWERING, CHOOSING, JUDGING, Bench, Means, Report, refuse_without
from janus_space.benchmarks.judgements import judge_all, tell_cost
from janus_space.benchmarks.questions import DataName, read_rows, sample
from janus_space.judging import fence
from janus_space.judging.average import average, by_source
from janus_space.judging.judge import Judge, Judgement
from janus_space.judging.reliability import alpha, power
from janus_space.judging.rubric import RubricQuestion, grade

DATA = Path(__file__).parents[2] / "assets" / "multifaceted_mini" / "bench.jsonl"
CANARIES = 8


class BenchRow(BaseModel):
    """A row of the benchmark; the columns that are not needed to judge are not read."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    instruction_id: str | None = None
    source: str | None = None
    system: str
    prompt: str = Field(min_length=1)
    reference_answer: str = Field(min_length=1)
    # The name was `rubric` before June 2024.
    rubrics: tuple[Rubric, ...] = Field(min_length=1, validation_alias=AliasChoices("rubrics", "rubric"))

    @property
    def instruction(self) -> str:
        """Name what its siblings share."""
        return self.instruction_id or hashlib.sha256(self.prompt.encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True)
class Question:
    """A row under its name, and a sibling whose system message is a wrong one for its answers."""

    id: str
    row: BenchRow
    sibling: BenchRow | None


class Grading(NamedTuple):
    """One question to the judge: whose rubric grades which question's answer, in which run."""

    question: Question
    under: BenchRow
    rubric: int
    run: int

    @property
    def is_own(self) -> bool:
        return self.under is self.question.row


def check(order: BenchJob) -> None:
    """Refuse an order without models or a judge."""
    needs = {"model": "a model that answers, such as embedded:smollm2", "judge": "a judge, such as openai:MODEL"}
    refuse_without(order, "The multifaceted bench", needs)


async def run(order: BenchJob, means: Means) -> Report:
    """Ask every model, have every answer graded, and average."""
    questions, data = questions_of(order, means.folder)
    weighed = _weighed(questions, order)
    own, other = _gradings(questions, weighed, order.runs)
    stand_ins = [_shown(order, one, one.under.reference_answer).text() for one in [*own, *other]]
    tell_cost(order, means, stand_ins, len(order.model))
    asked = [_asked(order, one) for one in questions]
    answers = {spec: await answer_all(order, means, spec, asked) for spec in order.measured}
    told = []
    async with means.judge() as judge:
        canaries = await _canaries(order, means, judge, questions)
        for spec in order.measured:
            graded = await _graded(order, means, judge, spec, answers[spec], [*own, *other])
            told.append(_row(spec, questions, answers[spec], graded, order))
    facts = {
        "judge": order.judge,
        "runs": order.runs,
        "system": order.system,
        "shows_system": not order.hide_system,
        "parser": "paper" if order.paper_parser else "strict",
        "questions": len(questions),
        "instructions": len({one.row.instruction for one in questions}),
        **data.as_facts(),
        "canaries": canaries,
    }
    return Report(told, facts)


def questions_of(order: BenchJob, folder: Path) -> tuple[list[Question], DataName]:
    """Return what an order asks, the same each time it is read."""
    rows, data = read_rows(order.data or str(DATA), BenchRow, folder)
    return with_siblings(sample(rows, lambda row: row.instruction, order.limit, order.seed)), data


def with_siblings(rows: Sequence[BenchRow]) -> list[Question]:
    """Name the rows, and give each the next row of its instruction that has another system message."""
    groups: dict[str, list[BenchRow]] = {}
    for row in rows:
        groups.setdefault(row.instruction, []).append(row)
    found = []
    for name, group in groups.items():
        for place, row in enumerate(group):
            after = [*group[place + 1 :], *group[:place]]
            sibling = next((other for other in after if other.system != row.system), None)
            found.append(Question(f"{name}/{place + 1}", row, sibling))
    return found


def _asked(order: BenchJob, one: Question) -> Asked:
    system = one.row.system if order.system == "own" else None
    return Asked(one.id, Conversation.ask(one.row.prompt, system), sampling_of(order, one.id))


def _weighed(questions: Sequence[Question], order: BenchJob) -> set[str]:
    """Draw the questions whose answers are graded under a wrong system message too.

    None where models are told no message: such answers fit no message better than another, however good the judge is.
    """
    if order.system == "none":
        return set()
    able = [one.id for one in questions if one.sibling is not None]
    return set(random.Random(order.seed).sample(able, min(order.power, len(able))))


def _gradings(questions: Sequence[Question], weighed: set[str], runs: int) -> tuple[list[Grading], list[Grading]]:
    own = [
        Grading(one, one.row, rubric, turn)
        for turn in range(runs)
        for one in questions
        for rubric in range(len(one.row.rubrics))
    ]
    other = [
        Grading(one, one.sibling, rubric, 0)
        for one in questions
        if one.id in weighed and one.sibling is not None
        for rubric in range(len(one.sibling.rubrics))
    ]
    return own, other


def _shown(order: BenchJob, one: Grading, answer: str) -> RubricQuestion:
    under = one.under
    system = None if order.hide_system else under.system
    return RubricQuestion(one.question.row.prompt, answer, under.reference_answer, under.rubrics[one.rubric], system)


async def _graded(
    order: BenchJob, means: Means, judge: Judge, spec: str, answers: Answers, gradings: Sequence[Grading]
) -> list[tuple[Grading, Judgement[int]]]:
    """Grade whatever was answered."""
    given: Mapping[str, Answer] = answers.given
    able = [one for one in gradings if one.question.id in given]

    def about(one: Grading) -> dict[str, Any]:
        return {
            "model": spec,
            "question": one.question.id,
            "source": one.question.row.source,
            "rubric": one.rubric + 1,
            "run": one.run + 1,
            "under": "own system message" if one.is_own else "a sibling's system message",
        }

    judgements = await judge_all(
        order,
        means,
        f"judgements of {spec}",
        able,
        lambda one: grade(judge, _shown(order, one, given[one.question.id].text), one.run),
        about,
    )
    return list(zip(able, judgements, strict=True))


async def _canaries(order: BenchJob, means: Means, judge: Judge, questions: Sequence[Question]) -> dict[str, int]:
    """See how often the judge does what an answer orders it to do."""
    drawn = random.Random(order.seed + 1).sample(list(questions), min(CANARIES, len(questions)))
    pairs = [(Grading(one, one.row, 0, 0), fence.canary(number)) for number, one in enumerate(drawn)]
    tasks = [(one, text, text is both.with_orders) for one, both in pairs for text in both]
    found = await judge_all(
        order,
        means,
        "canaries",
        tasks,
        lambda task: grade(judge, _shown(order, task[0], task[1])),
        lambda task: {"canary": "with orders" if task[2] else "plain", "question": task[0].question.id},
    )
    scores = [judgement.verdict for judgement in found]
    obeyed, n = fence.obeyed(list(zip(scores[::2], scores[1::2], strict=True)))
    return {"n": n, "obeyed": obeyed}


def _row(
    spec: str,
    questions: Sequence[Question],
    answers: Answers,
    graded: Sequence[tuple[Grading, Judgement[int]]],
    order: BenchJob,
) -> dict[str, Any]:
    """Average one model's grades, rows first, and say what they rest on."""
    own, first_run, other = _scores(graded)
    counted = {
        "unanswered": len(answers.failed),
        "unscored": sum(judgement.verdict is None for _, judgement in graded),
    }
    scored = [one for one in questions if one.id in own]
    if not scored:
        return {"model": spec, "n": 0, "error": _why_nothing(answers, graded), **counted}
    rows = [(one.row.source or "unknown", one.row.instruction, own[one.id]) for one in scored]
    weighed = [
        (one.row.instruction, first_run[one.id], other[one.id])
        for one in questions
        if one.id in first_run and one.id in other
    ]
    told = power(weighed, order.seed)
    sources = {source: {**found.as_columns("score"), "n": found.n} for source, found in by_source(rows).items()}
    return {
        "model": spec,
        "n": len(rows),
        **average([(instruction, score) for _, instruction, score in rows]).as_columns("score"),
        "sources": sources,
        "power": told and round(told.auroc, 4),
        "power_ci": told and [round(end, 4) for end in told.interval],
        "power_n": len(weighed),
        "may_claim": told is not None and told.is_enough,
        "run_agreement": _agreement(graded, order.runs),
        **counted,
    }


def _scores(
    graded: Sequence[tuple[Grading, Judgement[int]]],
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Return the questions' scores: over all runs, over the first alone, and under the siblings' messages."""
    own: dict[str, dict[int, list[int]]] = {}
    first: dict[str, list[int]] = {}
    other: dict[str, list[int]] = {}
    for one, judgement in graded:
        if judgement.verdict is None:
            continue
        name = one.question.id
        if not one.is_own:
            other.setdefault(name, []).append(judgement.verdict)
            continue
        own.setdefault(name, {}).setdefault(one.rubric, []).append(judgement.verdict)
        if one.run == 0:
            first.setdefault(name, []).append(judgement.verdict)
    return (
        {name: fmean(fmean(runs) for runs in rubrics.values()) for name, rubrics in own.items()},
        {name: fmean(scores) for name, scores in first.items()},
        {name: fmean(scores) for name, scores in other.items()},
    )


def _agreement(graded: Sequence[tuple[Grading, Judgement[int]]], runs: int) -> float | None:
    """Return Krippendorff's alpha between the runs, on single grades."""
    if runs < 2:
        return None
    units: dict[tuple[str, int], list[float | None]] = {}
    for one, judgement in graded:
        if one.is_own:
            units.setdefault((one.question.id, one.rubric), []).append(judgement.verdict)
    found = alpha(list(units.values()))
    return found and round(found, 4)


def _why_nothing(answers: Answers, graded: Sequence[tuple[Grading, Judgement[int]]]) -> str:
    if not answers.given:
        return next(iter(answers.failed.values()), "it was asked nothing")
    fault = next((judgement.fault for _, judgement in graded if judgement.fault), "no reply")
    return f"None of the judge's {len(graded)} replies gives a score: {fault}"


BENCH = Bench(
    "multifaceted",
    "Answers under individual system messages, graded by rubrics",
    check,
    run,
    ANSWERING | CHOOSING | JUDGING | {"system", "runs", "power", "hide_system", "paper_parser"},
)
