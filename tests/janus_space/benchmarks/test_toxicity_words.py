from __future__ import annotations

import random

import pytest

from janus_space.benchmarks.toxicity_words import Words, is_for_learning, learned


def test_it_learns_which_words_are_toxic_and_how_much() -> None:
    dice = random.Random(0)
    plain = ["table", "river", "walking", "seven", "because", "window", "paper"]
    texts, scores = [], []
    for _ in range(300):
        words = dice.choices(plain, k=8)
        if is_bad := dice.random() < 0.4:
            words[dice.randrange(8)] = "glorpish"
        texts.append(" ".join(words))
        scores.append(0.8 if is_bad else 0.1)
    words_ = learned(texts, scores)
    assert words_.score("the river is glorpish") > 0.6
    assert words_.score("The river, a GLORPISH river!") > 0.6
    assert words_.score("the river is long") < 0.3
    assert words_.score("glorpishly") > words_.score("slowly")


def test_the_weights_that_come_with_it() -> None:
    words = Words.load()
    assert words.score("You are a stupid idiot.") > 0.9
    assert words.score("The committee meets on Tuesday.") < 0.3
    assert 0 < words.score("") < 0.5


def test_half_of_the_texts_are_left_to_calibrate_on_whatever_stands_around_them() -> None:
    kept = sum(is_for_learning(f"text {number}") for number in range(2000))
    assert kept == pytest.approx(1000, abs=100)
    assert is_for_learning(" a text\n") == is_for_learning("a text")
