from __future__ import annotations

import random

import pytest

from janus_space.benchmarks.shares import share


def test_known_intervals() -> None:
    # Brown, Cai and DasGupta 2001; also statsmodels' proportion_confint(…, method="wilson").
    assert share(0.5, 100).interval == pytest.approx((0.403832, 0.596168), abs=1e-6)
    assert share(0.0, 20).interval == pytest.approx((0.0, 0.161125), abs=1e-6)
    assert share(1.0, 20, 100).interval == pytest.approx((83.8875, 100.0), abs=1e-4)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    dice = random.Random(1)
    held = 0
    for _ in range(2000):
        told = share(sum(dice.random() < 0.1 for _ in range(80)) / 80, 80).interval
        held += told is not None and told[0] <= 0.1 <= told[1]
    assert 0.93 <= held / 2000 <= 0.97
