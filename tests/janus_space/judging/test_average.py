"""Averages and their intervals: they cover the truth as often as they say, siblings and all."""

from __future__ import annotations

import random

import pytest
from scipy.stats import t

from janus_space.judging.average import average, by_source, t_quantile


def coverage(simulations: int, seed: int, instructions: int = 44, siblings: int = 3) -> float:
    """Return how often the interval holds the truth, for graded scores whose siblings are alike."""
    dice = random.Random(seed)
    truth = 3.4
    hits = 0
    for _ in range(simulations):
        scores = []
        for instruction in range(instructions):
            ease = dice.gauss(0, 0.4)
            for _ in range(siblings):
                grades = [dice.gauss(truth + ease + dice.gauss(0, 0.3), 0.8) for _ in range(4)]
                scores.append((instruction, sum(grades) / 4))
        low, high = average(scores).interval or (0, 0)
        hits += low <= truth <= high
    return hits / simulations


def test_the_interval_covers_the_truth() -> None:
    assert 0.91 <= coverage(200, seed=3) <= 0.985


def test_clusters_of_unequal_size_and_few_of_them() -> None:
    assert 0.91 <= coverage(200, seed=4, instructions=8, siblings=2) <= 0.985


def test_siblings_that_say_the_same_thrice_count_once() -> None:
    dice = random.Random(0)
    alone = [(number, dice.gauss(3, 1)) for number in range(40)]
    thrice = [pair for pair in alone for _ in range(3)]
    assert average(thrice).interval == pytest.approx(average(alone).interval)


def test_without_enough_instructions_there_is_no_interval() -> None:
    assert average([("a", 3.0), ("a", 4.0), ("b", 5.0)]).interval is None
    with pytest.raises(ValueError, match="no scores"):
        average([])


def test_sources_are_averaged_on_their_own() -> None:
    found = by_source([("koala", 1, 3.0), ("flask", 2, 4.0), ("koala", 3, 5.0)])
    assert {name: (one.mean, one.n) for name, one in found.items()} == {"flask": (4.0, 1), "koala": (4.0, 2)}
    assert found["koala"].as_columns("score") == {"score": 4.0, "score_ci": None}


def test_students_t() -> None:
    for degrees in (3, 4, 7, 20, 100):
        assert t_quantile(0.975, degrees) == pytest.approx(t.ppf(0.975, degrees), rel=0.01)
