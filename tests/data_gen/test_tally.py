from __future__ import annotations

import pytest

from data_gen.asking import Answer
from data_gen.cost import Prices
from data_gen.tally import Tally, total_usd

PRICES = Prices(usd_per_million_in=10, usd_per_million_out=30)


def tally() -> Tally:
    found = Tally()
    found.add("preference_set", Answer("x", "stop", 1000, 100))
    found.add("preference_set", Answer("x", "stop", 1000, 300))
    found.add("response", Answer("x", "stop", 500, 500))
    return found


def test_costs_are_told_by_level() -> None:
    costs = tally().costs(PRICES)
    assert costs.keys() == {"preference_set", "response"}
    assert costs["preference_set"].usd == pytest.approx((2000 * 10 + 400 * 30) / 1e6)
    assert total_usd(costs) == pytest.approx(0.032 + 0.02)


def test_a_sample_is_scaled_up() -> None:
    costs = tally().costs(PRICES, times=2.5)
    assert (costs["preference_set"].answers, costs["preference_set"].completion_tokens) == (5, 1000)
    assert total_usd(costs) == pytest.approx(2.5 * 0.052)


def test_without_prices_there_is_no_amount() -> None:
    assert total_usd(tally().costs(None)) is None
    assert total_usd({}) is None
