from __future__ import annotations

import random

import numpy as np
import pytest

from data_gen.near_duplicates import NearDuplicates, signature

VOCABULARY = [f"word{number}" for number in range(2000)]


def text(seed: int, length: int = 60) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, k=length)


def found_in(texts: list[str]) -> dict[int, tuple[int, float]]:
    near = NearDuplicates()
    for one in texts:
        near.add(one)
    return near.find()


def test_a_text_with_a_changed_word_is_found_and_others_are_not() -> None:
    texts = [" ".join(text(seed)) for seed in range(200)]
    changed = text(17)
    changed[30] = "other"
    found = found_in([*texts, " ".join(changed)])
    assert found.keys() == {200}
    assert found[200][0] == 17


def test_case_and_punctuation_do_not_matter() -> None:
    assert found_in(["How does a boat sail against the wind?", "how does a boat sail, against the WIND"]) == {
        1: (0, 1.0)
    }


def test_the_earliest_likeness_is_named() -> None:
    one = " ".join(text(1))
    assert found_in([one, " ".join(text(2)), one, one]) == {2: (0, 1.0), 3: (0, 1.0)}


def test_nothing_and_short_texts_are_texts_too() -> None:
    assert found_in([]) == {}
    assert found_in(["", "Hi", "", "Why?"]) == {2: (0, 1.0)}


@pytest.mark.parametrize("kept_words", [20, 40, 50])
def test_the_share_of_equal_numbers_estimates_the_share_of_common_shingles(kept_words: int) -> None:
    def shingles(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}

    differences = []
    for seed in range(40):
        one = text(seed)
        other = one[:kept_words] + text(seed + 1000)[kept_words:]
        true = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        estimate = float(np.mean(signature(" ".join(one)) == signature(" ".join(other))))
        differences.append(estimate - true)
    assert abs(float(np.mean(differences))) < 0.03
    assert float(np.std(differences)) < 0.1
