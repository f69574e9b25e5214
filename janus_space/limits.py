"""How much a caller may ask for. The owner may ask for anything; the others share the house fairly.

What is counted: answers at once, answers and votes a minute, and events of any kind a minute. A refusal says when to
come back. All of it is in memory: a restart forgives.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from data_gen.chat import Sampling
from janus_space.access import Caller, Role, current_caller
from janus_space.errors import SpaceError

Counted = Literal["answers", "votes", "events"]


class Allowance(NamedTuple):
    """What one caller may have."""

    at_once: int
    """Answers under way; a comparison of four columns is one."""
    answers: int
    """A minute, and as many in one burst."""
    votes: int
    """A minute."""
    events: int
    """Clicks of any kind, a minute."""
    new_tokens: int
    """The longest answer."""


ALLOWANCES = {
    Role.ANON: Allowance(at_once=2, answers=10, votes=20, events=240, new_tokens=1024),
    Role.USER: Allowance(at_once=4, answers=30, votes=60, events=480, new_tokens=4096),
}
_MOST_BUCKETS = 20_000


class TooMuch(SpaceError):
    """The caller has asked for more than their share; `wait_seconds` says when there is some again."""

    def __init__(self, sentence: str, wait_seconds: float = 1.0) -> None:
        super().__init__(sentence)
        self.wait_seconds = wait_seconds


class _Bucket(NamedTuple):
    left: float
    at: float


class Meter:
    """Counts what each caller has used. One a house, used on its event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._under_way: Counter[str] = Counter()

    def count(self, caller: Caller, what: Counted) -> None:
        """Take one from the caller's share of this minute.

        Raises:
            TooMuch: nothing is left of it
        """
        allowance = ALLOWANCES.get(caller.role)
        if allowance is None:
            return
        a_minute = getattr(allowance, what)
        now, key = self._clock(), (caller.name, what)
        bucket = self._buckets.pop(key, _Bucket(a_minute, now))
        left = min(a_minute, bucket.left + (now - bucket.at) * a_minute / 60)
        has_one = left >= 1
        self._buckets[key] = _Bucket(left - 1 if has_one else left, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if not has_one:
            seconds = (1 - left) * 60 / a_minute
            raise TooMuch(
                f"That is {a_minute} {what} in a minute, which is what each visitor has here: {_later(seconds)}.",
                seconds,
            )

    @contextmanager
    def answering(self, caller: Caller) -> Iterator[None]:
        """Count an answer as under way for as long as this block runs.

        Raises:
            TooMuch: as many are under way as the caller may have at once, or have been this minute
        """
        allowance = ALLOWANCES.get(caller.role)
        if allowance is not None and self._under_way[caller.name] >= allowance.at_once:
            raise TooMuch(
                f"You have {allowance.at_once} comparisons under way, which is what each visitor has here:"
                " wait until one has ended, or stop it."
            )
        self.count(caller, "answers")
        self._under_way[caller.name] += 1
        try:
            yield
        finally:
            self._under_way[caller.name] -= 1
            if not self._under_way[caller.name]:
                del self._under_way[caller.name]


def check_length(sampling: Sampling) -> None:
    """Refuse answers longer than whoever asks may have.

    Raises:
        TooMuch: they are
    """
    caller = current_caller()
    allowance = ALLOWANCES.get(caller.role) if caller else None
    if allowance is not None and sampling.max_new_tokens > allowance.new_tokens:
        raise TooMuch(
            f"An answer has at most {allowance.new_tokens:,} tokens here: ask for no more in the settings,"
            " or run Janus Space on your own machine."
        )


def _later(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"come back in {whole} second{'' if whole == 1 else 's'}"
