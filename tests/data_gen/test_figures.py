from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_gen.figures import MOST_COMPARISONS, Sample, coverage, likeness_within, spread
from data_gen.hierarchy import Hierarchy

HIERARCHY = Hierarchy.load([Path(__file__).parents[2] / "assets" / "preferences.json"])


def test_a_spread_and_the_share_within_the_usual() -> None:
    found = spread(range(101), usual=(10, 59))
    assert found is not None
    assert (found.n, found.mean, found.p5, found.median, found.p95) == (101, 50, 5, 50, 95)
    assert found.share_usual == pytest.approx(50 / 101, abs=1e-4)
    assert spread([]) is None


def test_a_sample_is_fair_and_always_the_same() -> None:
    def drawn() -> list[int]:
        sample: Sample[int] = Sample(200)
        for number in range(10_000):
            sample.offer(number)
        return sample.kept

    assert drawn() == drawn()
    assert len(set(drawn())) == 200
    assert sum(drawn()) / 200 == pytest.approx(5000, rel=0.1)


def test_of_few_texts_all_pairs_are_compared_and_of_many_a_sample() -> None:
    few, many = likeness_within(["a b", "a c", "a b"]), likeness_within([f"word {n}" for n in range(500)])
    assert few is not None
    assert few.n == 3
    assert few.mean == pytest.approx((0.5 + 1 + 0.5) / 3, abs=1e-4)
    assert many is not None
    assert (many.n, many.mean) == (MOST_COMPARISONS, 0.5)
    assert likeness_within(["alone"]) is None


def test_new_subdimensions_are_told_from_known_ones() -> None:
    found = coverage(Counter({"tone": 2, "rhythm": 2}), HIERARCHY, "style")
    assert (found.known, found.known_used, found.entropy_bits) == (5, 1, 1.0)
    assert list(found.subdimensions) == ["rhythm", "tone"]
