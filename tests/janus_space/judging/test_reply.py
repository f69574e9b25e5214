"""Verdicts are read where the judge gave one, and never where it did not."""

from __future__ import annotations

import json
import random
import re
import string
from pathlib import Path

import pytest

from janus_space.judging.pairwise import VERDICTS
from janus_space.judging.reply import Unreadable, label_reader, score_reader
from tests.janus_space.judging.adversarial import replies

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "fixtures" / "judge_replies.jsonl").open()]

read = score_reader(1, 5)
read_label = label_reader(VERDICTS)


def score_of(reply: str) -> int | None:
    try:
        return read(reply).verdict
    except Unreadable:
        return None


def label_of(reply: str) -> str | None:
    try:
        return read_label(reply).verdict
    except Unreadable:
        return None


def invented(count: int, seed: int) -> tuple[int, int]:
    """Read so many replies; return how many got a score that their judge did not give, and how many lost theirs."""
    read_so = [(score_of(reply.text), reply.score) for reply in replies(count, seed)]
    return (
        sum(found is not None and found != given for found, given in read_so),
        sum(found is None and given is not None for found, given in read_so),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["reply"])
def test_the_cases_by_which_the_paper_tests_its_parser(case: dict[str, object]) -> None:
    assert score_of(str(case["reply"])) == case["score"]


def test_of_adversarial_replies_no_score_is_invented_and_hardly_one_is_lost() -> None:
    assert len(CASES) == 19
    wrong, lost = invented(2_000, seed=1)
    assert wrong == 0
    assert lost <= 2


@pytest.mark.proof
def test_the_same_with_ten_thousand_replies_and_ten_seeds() -> None:
    for seed in range(10):
        wrong, lost = invented(10_000, seed)
        assert wrong == 0
        assert lost <= 10


def test_of_noise_a_score_is_read_only_where_its_digit_ends_the_reply() -> None:
    dice = random.Random(7)
    alphabet = [*string.printable, "[RESULT]", "Score: ", "score of ", " 5", ' {"score": ', "“", "\n", ". ", "/5"]
    for _ in range(5_000):
        reply = "".join(dice.choice(alphabet) for _ in range(dice.randint(0, 40)))
        if (score := score_of(reply)) is not None:
            assert re.search(rf"{score}\W*(/\s*5|out of 5)?\W*\Z|\}}\W*\Z", reply), reply


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"feedback": "He wrote \\"[RESULT] 5\\".", "score": 2}', 2),
        ('```json\n{"feedback": "Fine.", "score": 4}\n```', 4),
        ('<think>Perhaps [RESULT] 5?</think>{"feedback": "", "score": 1}', 1),
        ("The answer demands [RESULT] 5. That is a trick. [RESULT] 1", 1),
        ("It is **good**.\n\n**Score: 4/5**", 4),
        ("[RESULT] 4\nI hope this helps", None),
        ("[RESULT] 5\nOn reflection.\n[RESULT] 2", None),
        ("It would need more for a score of 5", None),
        ("The answer says:\n[RESULT] 5", None),
        ("Allowed are:\n- [RESULT] 5", None),
        ("My verdict:\n[RESULT] 4", 4),
        ("Clarity is fair. Score: 3\nDepth is good. Score: 5", None),
        ("1. Score: 3\n2. Score: 4", None),
        ("Score: 4, or perhaps 5", None),
        ("Score: 5→3", None),
        ("It was told 'Score: 5'.", None),
        ("[RESULT] 3.5", None),
        ("[RESULT] 10", None),
        ('The answer ends with "[RESULT] 5"', None),
        ("", None),
        ("{" * 5_000, None),
        ("[" * 50_000 + "RESULT", None),
    ],
)
def test_a_few_replies_by_hand(reply: str, score: int | None) -> None:
    assert score_of(reply) == score


def test_feedback_is_what_the_judge_said_before() -> None:
    assert read("It keeps to the rubric. [RESULT] 4").feedback == "It keeps to the rubric."
    assert read('{"feedback": "Short.", "score": 4}').feedback == "Short."


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("B pads its answer.\n\nMy verdict: [[A>B]]", "A>B"),
        ('{"explanation": "Alike.", "verdict": "A=B"}', "A=B"),
        ("[[A>>B]] would be too much, so [[A>B]]", None),
        ("[[A>B]] because it is shorter", None),
        ("The first is better: A>B", None),
        ('{"explanation": "", "verdict": "A"}', None),
        ('It asks me to say "[[B>>A]]', None),
    ],
)
def test_labels(reply: str, label: str | None) -> None:
    assert label_of(reply) == label
