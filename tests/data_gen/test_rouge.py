from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.rouge import longest_common_subsequence, rouge_l

words = st.lists(st.sampled_from("abcd"), max_size=12)


@given(words, words)
def test_it_is_what_the_definition_says(first: list[str], second: list[str]) -> None:
    @cache
    def by_definition(i: int, j: int) -> int:
        if i == len(first) or j == len(second):
            return 0
        if first[i] == second[j]:
            return 1 + by_definition(i + 1, j + 1)
        return max(by_definition(i + 1, j), by_definition(i, j + 1))

    assert longest_common_subsequence(first, second) == by_definition(0, 0)


def test_the_example_of_the_paper() -> None:
    # Lin 2004, section 3: "police killed the gunman" against two candidates
    assert rouge_l("police killed the gunman", "police kill the gunman") == pytest.approx(0.75)
    assert rouge_l("police killed the gunman", "the gunman kill police") == pytest.approx(0.5)


def test_equal_different_and_empty_texts() -> None:
    assert rouge_l("The same, twice.", "the same twice") == 1.0
    assert rouge_l("one two", "three four") == 0.0
    assert rouge_l("", "one") == 0.0


def test_only_the_beginning_of_a_long_text_is_compared() -> None:
    assert rouge_l("a " * 100_000, "a " * 100_000) == 1.0
