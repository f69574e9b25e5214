"""The second held-out file: kinds of system message that no training sees, each truly obeyed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import pytest

from data_gen.rouge import rouge_l
from janus_space import steer_data

FOLDER = Path(__file__).parents[2] / "assets" / "multifaceted_mini"
FILE = FOLDER / "unseen_personas.jsonl"
COLUMNS = ["instruction_id", "kind", "system", "prompt", "output"]
TEXTS = ("system", "prompt", "output")
INSTRUCTIONS, ROWS_EACH, FEWEST_KINDS = 24, 3, 24
# Measured: siblings 0.274 (answers) and 0.182 (system messages), instructions 0.419 to the nearest of train and test.
MOST_ALIKE_SIBLINGS, MOST_ALIKE_INSTRUCTIONS, SHARED_RUN_WORDS = 0.3, 0.6, 8


def _rows(name: str = "unseen_personas") -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def _instructions() -> list[list[dict[str, str]]]:
    rows = _rows()
    return [rows[start : start + ROWS_EACH] for start in range(0, len(rows), ROWS_EACH)]


def _others() -> list[dict[str, str]]:
    return _rows("train") + _rows("test")


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(text: str) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[start : start + SHARED_RUN_WORDS]) for start in range(len(words) - SHARED_RUN_WORDS + 1)}


def test_every_instruction_is_asked_three_times_in_three_kinds() -> None:
    assert all(list(row) == COLUMNS for row in _rows())
    for siblings in _instructions():
        assert len({(row["instruction_id"], row["prompt"]) for row in siblings}) == 1
        assert len({row["kind"] for row in siblings}) == ROWS_EACH, siblings[0]["instruction_id"]
    assert Counter(row["instruction_id"] for row in _rows()).most_common()[-1][1] == ROWS_EACH
    assert len(_instructions()) == INSTRUCTIONS
    assert len({row["kind"] for row in _rows()}) >= FEWEST_KINDS


def test_the_card_counts_them() -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    assert f"| `{FILE.name}` | {INSTRUCTIONS} | {INSTRUCTIONS * ROWS_EACH} |" in card
    assert f"{len({row['kind'] for row in _rows()})} kinds" in card


def test_steer_reads_it_whole() -> None:
    data = steer_data.read(FILE)
    assert [len(group) for group in data.instructions] == [ROWS_EACH] * INSTRUCTIONS
    assert data.left_out == 0


def test_lengths_are_those_asked_for() -> None:
    for row in _rows():
        name = (row["instruction_id"], row["kind"])
        assert 8 <= len(row["system"].split()) <= 120, name
        assert 40 <= len(row["output"].split()) <= 160, name
        assert 6 <= len(row["prompt"].split()) <= 60, name


@pytest.mark.parametrize("column", ["system", "output"])
def test_no_two_texts_are_or_open_alike(column: str) -> None:
    openings = Counter(tuple(_words(row[column])[:5]) for row in _rows())
    assert [opening for opening, count in openings.items() if count > 1] == []


def test_siblings_are_told_apart_by_their_words() -> None:
    for siblings in _instructions():
        for (one, other), column in product(combinations(siblings, 2), ("system", "output")):
            alike = rouge_l(one[column], other[column])
            assert alike < MOST_ALIKE_SIBLINGS, (one["instruction_id"], one["kind"], other["kind"], alike)


def test_no_instruction_is_one_of_train_or_test() -> None:
    seen, own = {row["prompt"] for row in _others()}, {row["prompt"] for row in _rows()}
    assert len(own) == INSTRUCTIONS
    for one, other in product(own, seen):
        assert rouge_l(one, other) <= MOST_ALIKE_INSTRUCTIONS, (one, other)


def test_no_run_of_eight_words_comes_from_train_or_test() -> None:
    seen = set().union(*(_runs(row[column]) for row in _others() for column in TEXTS))
    for row, column in product(_rows(), TEXTS):
        assert not _runs(row[column]) & seen, (row["instruction_id"], row["kind"], column)


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", text)


def _sentence_lengths(text: str) -> list[int]:
    return [len(sentence.split()) for sentence in _sentences(text)]


FORMS: dict[tuple[str, str], Callable[[str], bool]] = {
    ("onion-tears", "strict JSON"): lambda text: (
        list(json.loads(text)) == ["cause", "chemical", "helps", "myths", "confidence"]
    ),
    ("price-before-the-discount", "strict JSON"): lambda text: (
        json.loads(text)["answer"] == 45 and len(json.loads(text)["wrong_answers"]) == 3
    ),
    ("price-before-the-discount", "withholding tutor"): lambda text: not {"45", "forty-five"} & set(_words(text)),
    ("leaving-a-party-early", "one-line rule"): lambda text: all(one.endswith("?") for one in _sentences(text)),
    ("soft-boiled-egg", "counted sentences"): lambda text: set(_sentence_lengths(text)) == {6},
    ("lost-in-the-forest", "counted sentences"): lambda text: _sentence_lengths(text) == list(range(1, 13)),
    ("autumn-leaf-colours", "letter game"): lambda text: (
        [line.lstrip("*")[0] for line in text.splitlines()] == list("AUTUMN")
    ),
    ("fahrenheit-in-the-head", "letter game"): lambda text: "e" not in text.casefold(),
    ("salt-in-the-sea", "something forbidden"): lambda text: (
        re.search(r"salt|\bsea|ocean|water|mineral|\d", text.casefold()) is None
    ),
    ("scurvy-at-sea", "table only"): lambda text: [line.count("|") for line in text.splitlines()] == [3] * 7,
    ("wax-on-tablecloth", "telegram"): lambda text: text == text.upper() and "." not in text,
    ("thirty-names", "short posts"): lambda text: (
        text == text.lower() and [post[:2] for post in text.split("\n\n")] == [f"{number}/" for number in range(1, 7)]
    ),
}


@pytest.mark.parametrize(("instruction_id", "kind"), FORMS, ids=[" ".join(row) for row in FORMS])
def test_forms_that_a_machine_can_check_are_kept(instruction_id: str, kind: str) -> None:
    (row,) = (row for row in _rows() if (row["instruction_id"], row["kind"]) == (instruction_id, kind))
    assert FORMS[instruction_id, kind](row["output"]), row["output"]
