"""What a visitor may have, told by a clock of the test's own."""

from __future__ import annotations

import pytest

from data_gen.chat import Sampling
from janus_space.access import Caller, Role, asked_by
from janus_space.limits import ALLOWANCES, Meter, TooMuch, check_length

VISITOR, OTHER = Caller(Role.ANON, "visitor 1"), Caller(Role.ANON, "visitor 2")
ACCOUNT, OWNER = Caller(Role.USER, "account 5"), Caller(Role.OWNER, "owner")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def use(meter: Meter, caller: Caller, what: str) -> int:
    """Use up what there is; say how much it was."""
    for n in range(10_000):
        try:
            meter.count(caller, what)  # type: ignore[arg-type]
        except TooMuch:
            return n
    return 10_000


@pytest.mark.parametrize("what", ["answers", "votes", "events"])
@pytest.mark.parametrize("caller", [VISITOR, ACCOUNT])
def test_so_many_a_minute_and_no_more(caller: Caller, what: str) -> None:
    clock = Clock()
    meter, allowed = Meter(clock), getattr(ALLOWANCES[caller.role], what)
    assert use(meter, caller, what) == allowed
    clock.now += 30
    assert use(meter, caller, what) == allowed // 2
    clock.now += 3600
    assert use(meter, caller, what) == allowed


def test_one_visitor_does_not_use_up_another_and_the_owner_is_not_counted() -> None:
    meter = Meter(Clock())
    use(meter, VISITOR, "answers")
    assert use(meter, OTHER, "answers") == ALLOWANCES[Role.ANON].answers
    assert use(meter, OWNER, "answers") == 10_000


def test_a_refusal_says_when_to_come_back() -> None:
    meter = Meter(Clock())
    use(meter, VISITOR, "answers")
    with pytest.raises(TooMuch, match=r"10 answers in a minute.* come back in 6 seconds") as caught:
        meter.count(VISITOR, "answers")
    assert caught.value.wait_seconds == pytest.approx(6)


def test_so_many_answers_at_once_also_where_one_fails() -> None:
    meter = Meter(Clock())
    with meter.answering(VISITOR), meter.answering(VISITOR):
        with pytest.raises(TooMuch, match="2 comparisons under way"), meter.answering(VISITOR):
            raise AssertionError
        with meter.answering(OTHER):
            pass
    with pytest.raises(ZeroDivisionError), meter.answering(VISITOR):
        raise ZeroDivisionError
    with meter.answering(VISITOR), meter.answering(VISITOR):
        pass


def test_what_is_remembered_of_visitors_has_an_end() -> None:
    meter = Meter(Clock())
    for number in range(30_000):
        meter.count(Caller(Role.ANON, f"visitor {number}"), "events")
    assert len(meter._buckets) <= 20_000


def test_answers_are_only_so_long() -> None:
    long = Sampling(max_new_tokens=2000)
    check_length(long)  # nobody came in by the door: the command line
    with asked_by(OWNER):
        check_length(long)
    with asked_by(ACCOUNT):
        check_length(long)
    with asked_by(VISITOR), pytest.raises(TooMuch, match="1,024 tokens"):
        check_length(long)
