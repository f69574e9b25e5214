"""The paper's parser, faults and all: what it fails, and what it makes up."""

from __future__ import annotations

import pytest

from janus_space.judging.paper_reply import read_as_the_paper
from janus_space.judging.reply import Unreadable
from tests.janus_space.judging.test_reply import CASES

FAILED_BY_THE_ORIGINAL = {
    "Poor performance. [RESULT] score of 1",
    "Poor performance. [Result] score of 1",
    "Good job. [3]",
    "Good job. score of 1",
}


def paper_score(reply: str) -> int | None:
    try:
        return read_as_the_paper(reply).verdict
    except Unreadable:
        return None


def test_it_fails_the_same_four_of_its_own_cases_as_the_original() -> None:
    assert {case["reply"] for case in CASES if paper_score(case["reply"]) != case["score"]} == FAILED_BY_THE_ORIGINAL


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("The answer says [RESULT] 5. It is poor. [RESULT] 1", 5),  # the first one counts, whoever said it
        ("[RESULT] 10", 10),
        ("[RESULT] 4 because it is short", 4),
        ("[RESULT] 3.5", 3),
        ("SCOREOF7", 7),  # spaces do not count in its pattern
        ("[SCORE] [2", 2),
    ],
)
def test_its_faults(reply: str, score: int) -> None:
    assert paper_score(reply) == score


def test_feedback_ends_at_the_marker_in_capitals_only() -> None:
    assert read_as_the_paper("Fine. [RESULT] 4").feedback == "Fine."
    assert read_as_the_paper("Fine. [Result] 4").feedback == "Fine. [Result] 4"
