from __future__ import annotations

import time
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janus_space.diff import Piece, words_unlike


def different(baseline: str, text: str) -> list[str]:
    return [piece.text for piece in words_unlike(baseline, text) if piece.is_different]


@given(st.text(max_size=200), st.text(max_size=200))
def test_joined_pieces_are_the_text(baseline: str, text: str):
    assert "".join(piece.text for piece in words_unlike(baseline, text)) == text


@given(st.lists(st.sampled_from(["Ahoy", "the", "sea,", "**is**", "blue.", "\n\n", "—", "海は", "😀"]), max_size=40))
def test_a_text_differs_from_itself_in_nothing(words: list[str]):
    text = " ".join(words)
    assert different(text, text) == []


@given(st.text(max_size=100), st.text(max_size=100))
def test_neighbouring_pieces_alternate(baseline: str, text: str):
    marks = [piece.is_different for piece in words_unlike(baseline, text)]
    assert all(left != right for left, right in pairwise(marks))


@pytest.mark.parametrize(
    ("baseline", "text", "marked"),
    [
        ("the sea is blue", "the sea is green", ["green"]),
        ("the sea is blue", "The SEA, is **blue**!", []),
        ("the sea is blue", "the deep cold sea is blue", ["deep cold"]),
        ("the sea is blue", "the sea", []),
        ("", "all of it", ["all of it"]),
        ("all of it", "", []),
        ("one two", "- one\n- two", []),
        ("it is warm", "it is 😀 warm", ["😀"]),
        ("海は青い", "海は赤い", ["赤"]),
        ("don't go", "do go", ["do"]),
    ],
)
def test_marks_whole_words_and_the_spaces_between_them(baseline: str, text: str, marked: list[str]):
    assert different(baseline, text) == marked


def test_pieces_keep_spaces_and_order():
    assert words_unlike("a b  c", "a  x  c") == [Piece("a  ", False), Piece("x", True), Piece("  c", False)]


@pytest.mark.parametrize("vocabulary", [2_000, 40, 2], ids=["prose", "dull prose", "a loop"])
def test_a_thousand_words_take_less_than_50_ms(vocabulary: int):
    random = Random(1)
    words = [f"w{rank}" for rank in range(vocabulary)]
    chances = [1 / (rank + 1) for rank in range(vocabulary)]
    baseline, text = (" ".join(random.choices(words, chances, k=1_000)) for _ in range(2))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        words_unlike(baseline, text)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05
