"""Grading by hand: a person grades a stratified sample of what the judge graded, and it is told how far they agree.

The sample is spread evenly over the judge's scores, so that a judge who says 4 to everything cannot agree by habit.
Nobody sees the model or the judge's score before having graded. Grades are one append-only file of the job's folder.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from data_gen.errors import BadRequest
from data_gen.records import Rubric
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import multifaceted
from janus_space.benchmarks.keyed_lines import KeyedLines
from janus_space.benchmarks.multifaceted import Question
from janus_space.judging.reliability import alpha

FILE = "by_hand.jsonl"
SAMPLE = 50
SCORES = (1, 2, 3, 4, 5)


class Case(NamedTuple):
    """One answer to be graded by one rubric."""

    key: str
    model: str
    question: str
    rubric: int
    score: int
    """What the judge gave it."""


class Shown(NamedTuple):
    """A case as the person sees it: nothing of the model or the judge."""

    key: str
    number: int
    of: int
    system: str
    prompt: str
    answer: str
    rubric: Rubric


class Agreement(NamedTuple):
    """Krippendorff's alpha (ordinal) between person and judge; None where nothing can be said yet."""

    alpha: float | None
    n: int


@dataclass(frozen=True)
class ByHand:
    """The grading of one finished job of the multifaceted bench."""

    folder: Path

    @classmethod
    def can_grade(cls, folder: Path) -> bool:
        """Tell whether there is something here to be graded."""
        return bool(cls(folder)._judged())

    def cases(self) -> list[Case]:
        """Draw the sample: as many of every score as there are, up to an even share; the same each time."""
        dice = random.Random(0)
        strata: dict[int, list[Case]] = {score: [] for score in SCORES}
        for case in self._judged():
            strata[case.score].append(case)
        for cases in strata.values():
            dice.shuffle(cases)
        drawn: list[Case] = []
        while len(drawn) < SAMPLE and any(strata.values()):
            for cases in strata.values():
                if cases and len(drawn) < SAMPLE:
                    drawn.append(cases.pop())
        dice.shuffle(drawn)
        return drawn

    def next(self) -> Shown | None:
        """Return what is to be graded next; None when all is done."""
        cases, done = self.cases(), self.graded()
        case = next((one for one in cases if one.key not in done), None)
        if case is None:
            return None
        question = self._questions()[case.question]
        rubric = question.row.rubrics[case.rubric - 1]
        answer = self._answers()[case.model, case.question]
        place = sum(one.key in done for one in cases) + 1
        return Shown(case.key, place, len(cases), question.row.system, question.row.prompt, answer, rubric)

    def grade(self, key: str, score: int) -> None:
        """Keep a person's grade; raise `BadRequest` for one that cannot be meant."""
        if score not in SCORES:
            raise BadRequest("Choose a grade from 1 to 5.")
        if key not in {case.key for case in self.cases()}:
            raise BadRequest("This answer is not among those to be graded: open the job again.")
        with KeyedLines(self.folder / FILE) as kept:
            kept.add(key, {"score": score})

    def graded(self) -> dict[str, int]:
        """Return the grades by case."""
        return {str(row["key"]): int(row["score"]) for row in _lines(self.folder / FILE)}

    def agreement(self) -> Agreement:
        """Compare what the person said with what the judge said."""
        done = self.graded()
        units = [(done[case.key], case.score) for case in self.cases() if case.key in done]
        return Agreement(alpha(units), len(units))

    def _judged(self) -> list[Case]:
        return [
            Case(str(row["key"]), str(row["model"]), str(row["question"]), int(row["rubric"]), int(row["score"]))
            for row in _lines(self.folder / "judgements.jsonl")
            if row.get("under") == "own system message" and row.get("run") == 1 and row.get("score") in SCORES
        ]

    def _questions(self) -> dict[str, Question]:
        order = BenchJob.model_validate_json((self.folder / "request.json").read_text("utf-8"))
        return {one.id: one for one in multifaceted.questions_of(order, self.folder)[0]}

    def _answers(self) -> dict[tuple[str, str], str]:
        rows = _lines(self.folder / "answers.jsonl")
        return {(str(row["model"]), str(row["question"])): str(row["answer"]) for row in rows}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text("utf-8").splitlines():
        with suppress(ValueError):
            yield json.loads(line)
