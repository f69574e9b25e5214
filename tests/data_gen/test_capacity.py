"""The states of one endpoint, with a clock of the test's own."""

from __future__ import annotations

import random
from math import inf

from data_gen.capacity import Capacity, RateLimit


def fill(capacity: Capacity, now: float) -> int:
    """Begin as many requests as it takes."""
    begun = 0
    while capacity.wait_seconds(now) == 0:
        capacity.begin(100, now)
        begun += 1
    return begun


def end_all(capacity: Capacity, now: float) -> None:
    while capacity.in_flight:
        capacity.end(0, now)


def grown(most: int = 200) -> Capacity:
    capacity = Capacity(most)
    for _ in range(most):
        capacity.answered(-1)
    return capacity


def whole_rounds(capacity: Capacity) -> Capacity:
    """End the round that has begun, so that the next verdict is the first of one."""
    while capacity._verdicts:
        capacity.answered(-1)
    return capacity


def test_it_grows_with_every_answer_up_to_its_most() -> None:
    capacity = Capacity(50)
    assert fill(capacity, 0) == 16
    for _ in range(100):
        capacity.answered(-1)
    end_all(capacity, 1)
    assert fill(capacity, 1) == 50
    assert capacity.wait_seconds(1) == inf


def test_a_burst_of_429_shrinks_it_once_and_its_wish_is_kept() -> None:
    capacity = whole_rounds(grown())
    assert fill(capacity, 0) == 200
    for _ in range(200):
        capacity.asked_to_slow_down(now=1, retry_after_seconds=3)
    end_all(capacity, 1)
    assert int(capacity.limit) == 100
    assert capacity.wait_seconds(1) == 3
    assert capacity.wait_seconds(3.5) == 0.5
    assert fill(capacity, 4) == 100


def test_after_a_429_it_grows_a_little_a_round_and_one_at_least() -> None:
    capacity = whole_rounds(grown())
    for _ in range(200):
        capacity.asked_to_slow_down(now=1, retry_after_seconds=0)
    for _ in range(100):
        capacity.answered(-1)
    assert capacity.limit == 100 + 100 / 16
    small = Capacity(4)
    for _ in range(4):
        small.asked_to_slow_down(now=1, retry_after_seconds=0)
    assert small.limit == 2
    for _ in range(2):
        small.answered(-1)
    assert small.limit == 3


def test_some_that_are_turned_away_at_random_do_not_shrink_it() -> None:
    capacity, dice = Capacity(200), random.Random(0)
    for _ in range(10_000):
        if dice.random() < 0.05:
            capacity.asked_to_slow_down(now=0, retry_after_seconds=0)
        else:
            capacity.answered(-1)
    assert capacity.limit > 150


def test_an_endpoint_that_takes_so_many_at_once_is_given_little_more() -> None:
    capacity, turned_away, asked = Capacity(200), 0, 0
    for _ in range(1000):
        at_once = int(capacity.limit)
        for place in range(at_once):
            asked += 1
            if place < 50:
                capacity.answered(-1)
            else:
                turned_away += 1
                capacity.asked_to_slow_down(now=0, retry_after_seconds=0)
    assert 45 <= capacity.limit <= 65
    assert turned_away / asked < 0.15


def test_it_never_shrinks_below_one() -> None:
    capacity = Capacity(4)
    for second in range(100):
        capacity.asked_to_slow_down(now=second, retry_after_seconds=None)
    assert fill(capacity, 200) == 1


def test_the_breaker_opens_tries_one_and_closes() -> None:
    capacity = grown()
    for _ in range(9):
        capacity.failed(began=0, now=1)
    assert not capacity.is_open
    for _ in range(150):  # all that were in flight fail too, which makes the rest no longer
        capacity.failed(began=0, now=1)
    assert capacity.is_open
    assert 0.8 <= capacity.wait_seconds(1) <= 1.2
    assert fill(capacity, 3) == 1
    capacity.failed(began=3, now=4)
    end_all(capacity, 4)
    assert 1.6 <= capacity.wait_seconds(4) <= 2.4
    assert fill(capacity, 7) == 1
    assert capacity.failing_since == 1
    capacity.answered(7)
    end_all(capacity, 8)
    assert not capacity.is_open
    assert fill(capacity, 8) == 200


def test_failures_between_answers_open_nothing() -> None:
    capacity = grown()
    for turn in range(1000):
        capacity.failed(turn, turn) if turn % 8 else capacity.answered(turn)
    assert not capacity.is_open


def test_requests_that_hung_and_time_out_together_open_nothing_while_later_ones_are_answered() -> None:
    capacity = grown()
    capacity.answered(10)
    for _ in range(100):
        capacity.failed(began=9, now=24)
    assert not capacity.is_open
    for _ in range(10):
        capacity.failed(began=11, now=26)
    assert capacity.is_open


def test_twenty_refusals_in_a_row_are_hopeless_and_fewer_are_not() -> None:
    capacity = grown()
    for _ in range(19):
        capacity.refused()
    assert not capacity.is_hopeless
    capacity.answered(-1)
    for _ in range(19):
        capacity.refused()
    assert not capacity.is_hopeless
    capacity.refused()
    assert capacity.is_hopeless


def test_a_rate_holds_over_minutes_whatever_the_size_of_what_is_taken() -> None:
    for amount in (1, 7, 900):
        rate, now, taken = RateLimit(600), 0.0, 0
        while now < 600:
            if (wait := rate.wait_seconds(now)) > 0:
                now += wait
            else:
                rate.take(amount, now)
                taken += amount
        assert 6000 - 1 <= taken <= 6000 + 10 + amount


def test_tokens_not_needed_are_given_back() -> None:
    capacity = Capacity(200, tokens_per_minute=6000)
    capacity.begin(5000, 0)
    assert capacity.wait_seconds(0) > 45
    capacity.end(4990, 0)
    assert capacity.wait_seconds(0) == 0
