"""Judge power and agreement, held against worked examples."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from janus_space.judging.reliability import alpha, auroc, power

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": four observers, twelve units.
_ = None
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
UNITS = list(zip(*OBSERVERS, strict=True))


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_krippendorffs_own(level: str, published: float) -> None:
    assert alpha(UNITS, level) == pytest.approx(published, abs=5e-4)  # type: ignore[arg-type]


def test_alpha_is_one_for_perfect_agreement_about_zero_for_none_and_silent_without_material() -> None:
    dice = random.Random(0)
    assert alpha([(score, score) for score in (1, 3, 5)]) == pytest.approx(1)
    assert alpha([(dice.randint(1, 5), dice.randint(1, 5)) for _ in range(3000)]) == pytest.approx(0, abs=0.05)
    assert alpha([(3, 3), (3, 3)]) is None
    assert alpha([(3, None), (4, None)]) is None
    assert alpha([]) is None


def test_auroc_is_the_rank_statistic_with_ties_as_halves() -> None:
    dice = np.random.default_rng(0)
    higher, lower = dice.integers(1, 6, 80), dice.integers(1, 5, 60)
    expected = mannwhitneyu(higher, lower).statistic / (80 * 60)
    assert auroc(list(higher), list(lower)) == pytest.approx(expected)
    assert auroc([5, 4], [1, 2]) == 1
    assert auroc([3], [3]) == 0.5


def test_power_has_an_interval_over_instructions_and_is_not_told_without_rows() -> None:
    dice = random.Random(1)
    scores = [(row // 3, dice.gauss(4, 1), dice.gauss(3, 1)) for row in range(300)]
    found = power(scores)
    assert found is not None
    assert found.auroc == pytest.approx(0.76, abs=0.05)  # Φ(1/√2)
    assert found.interval[0] < found.auroc < found.interval[1]
    assert found.is_enough
    assert power(scores) == found
    assert power([]) is None
