from __future__ import annotations

import math
import random

import pytest

from janus_space.phrases import THRICE, TWICE, phrases


def found(tokens: list[str], influence: list[float]) -> list[str]:
    return ["".join(tokens[start:end]).strip() for _, start, end in phrases(tokens, influence)]


def test_a_phrase_is_the_run_that_gains_most() -> None:
    tokens = ["Aye", ",", " mat", "ey", ", the", " sky", " is", " blue"]
    influence = [3.0, 0.2, 2.0, 1.0, 0.1, 0.1, 0.0, 0.1]
    assert phrases(tokens, influence) == [(pytest.approx(6.3), 0, 5)]
    assert found(tokens, influence) == ["Aye, matey, the"]


def test_words_are_whole() -> None:
    assert found(["un", "believ", "able", " day"], [0.0, 5.0, -1.0, 0.0]) == ["unbelievable"]


def test_a_weak_word_between_strong_ones_belongs_to_the_phrase() -> None:
    assert found([" by", " the", " sea"], [3.0, 0.0, 3.0]) == ["by the sea"]
    assert found([" by", " the", " big", " old", " sea"], [1.5, -1.0, -1.0, -1.0, 1.5]) == ["sea", "by"]


def test_a_phrase_ends_with_its_sentence_or_line() -> None:
    tokens = ["Aye", ".", " Matey", "!", "\n\n", "Ship", " ahoy", '."', " Yes"]
    assert found(tokens, [4.0, 0.0, 3.0, 0.0, 2.5, 1.0, 1.2, 0.0, 2.0]) == ["Aye.", "Matey!", "", 'Ship ahoy."', "Yes"]


def test_strongest_first_and_nothing_below_three_times_as_likely() -> None:
    tokens = [" a", " b", " c", " d", " e"]
    assert found(tokens, [1.2, -5.0, 2.0, -5.0, 1.05]) == ["c", "a"]
    assert 1.05 < THRICE < 1.2


def test_nothing_is_found_where_nothing_was_moved() -> None:
    assert phrases(["The", " sea"], [0.0, -2.0]) == []
    assert phrases(["The"], [-1.0]) == []


def test_no_run_of_words_beside_the_phrases_would_pay() -> None:
    numbers = random.Random(3)
    for _ in range(50):
        influence = [numbers.gauss(0, 1.5) for _ in range(40)]
        told = phrases([" w"] * 40, influence)
        taken = {place for _, start, end in told for place in range(start, end)}
        assert sum(end - start for _, start, end in told) == len(taken)
        for worth, start, end in told:
            assert worth == pytest.approx(sum(influence[start:end]))
            assert influence[start] > TWICE
            assert influence[end - 1] > TWICE
        free = [place for place in range(40) if place not in taken]
        assert all(influence[place] - TWICE <= max(0.0, THRICE - TWICE) for place in free)


def test_a_long_answer_takes_no_time() -> None:
    numbers = random.Random(1)
    influence = [numbers.gauss(0.5, 2) for _ in range(4096)]
    told = phrases([" w"] * 4096, influence)
    assert len(told) > 100
    assert math.fsum(worth for worth, _, _ in told) > 100
