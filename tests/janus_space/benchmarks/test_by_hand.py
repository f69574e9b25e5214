"""Grading by hand: the sample is even over the scores, blind, and agreement is Krippendorff's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import multifaceted
from janus_space.benchmarks.by_hand import SAMPLE, ByHand


@pytest.fixture
def book(tmp_path: Path) -> ByHand:
    """A job whose judge gave mostly fours."""
    order = BenchJob(bench="multifaceted", model=("m",), judge="echo:", limit=30)
    (tmp_path / "request.json").write_text(order.model_dump_json(), "utf-8")
    asked = [one.id for one in multifaceted.questions_of(order, tmp_path)[0]]
    answers = [{"model": "m", "question": one, "answer": f"Answer to {one}."} for one in asked]
    judged = [
        {
            "key": f"{one}-{rubric}",
            "model": "m",
            "question": one,
            "rubric": rubric,
            "run": 1,
            "under": "own system message",
            "score": 4 if rubric < 4 else 1 + place % 5,
        }
        for place, one in enumerate(asked)
        for rubric in (1, 2, 3, 4)
    ]
    unscored = judged[0] | {"key": "none", "score": None}
    other = judged[0] | {"key": "other", "under": "a sibling's system message"}
    for name, rows in (("answers", answers), ("judgements", [*judged, unscored, other])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return ByHand(tmp_path)


def test_the_sample_is_spread_over_the_scores_and_always_the_same(book: ByHand) -> None:
    cases = book.cases()
    assert len(cases) == SAMPLE
    assert max(Counter(case.score for case in cases).values()) <= SAMPLE / 5 + 1
    assert cases == book.cases()
    assert not {"none", "other"} & {case.key for case in cases}


def test_what_is_graded_is_kept_and_compared(book: ByHand) -> None:
    scores = {case.key: case.score for case in book.cases()}
    assert book.agreement() == (None, 0)
    for number in range(12):
        shown = book.next()
        assert shown is not None
        assert (shown.number, shown.of) == (number + 1, SAMPLE)
        assert "m" not in (shown.key, shown.answer)
        book.grade(shown.key, scores[shown.key])
    agreed = ByHand(book.folder).agreement()
    assert (agreed.alpha, agreed.n) == (1.0, 12)


def test_grades_that_cannot_be_meant_are_refused(book: ByHand) -> None:
    shown = book.next()
    assert shown is not None
    with pytest.raises(BadRequest, match="from 1 to 5"):
        book.grade(shown.key, 0)
    with pytest.raises(BadRequest, match="not among those"):
        book.grade("other", 3)
    assert book.graded() == {}


def test_when_all_is_graded_there_is_no_next(book: ByHand) -> None:
    for case in book.cases():
        book.grade(case.key, 6 - case.score)
    assert book.next() is None
    assert (book.agreement().alpha or 0) < 0
