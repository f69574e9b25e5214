"""How much an endpoint can take just now: concurrency that adapts, its own wishes to wait, rates, and a breaker.

No clock and no network in here: every method is told what time it is, in seconds of a monotonic clock.
"""

from __future__ import annotations

import random
from math import inf

_FIRST_LIMIT = 16.0
# A round is as many verdicts as requests fit in at once. A small share of 429s in it is borne as noise: some endpoints
# turn a few requests away at any load, and to yield to each of them would end at one request at a time.
_BEARABLE_SHARE = 0.1
_DEEPEST_CUT = 0.5
_STEPS_TO_DOUBLE = 16
_SECONDS_AFTER_429 = 1.0  # when the endpoint does not say how long to wait
_FAILURES_THAT_OPEN = 10
_REFUSALS_THAT_CLOSE = 20
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 1.0, 60.0
_RATE_BURST_SECONDS = 1.0


class RateLimit:
    """So many a minute, evenly: a bucket that fills all the time and may go below nothing by one request."""

    def __init__(self, per_minute: float) -> None:
        self._per_second = per_minute / 60
        self._level = self._most = max(1.0, self._per_second * _RATE_BURST_SECONDS)
        self._filled_at: float | None = None

    def wait_seconds(self, now: float) -> float:
        self._fill(now)
        # Rounded, so that nobody is told to wait for a time too short to pass.
        return 0.0 if self._level >= 1 - 1e-6 else (1 - self._level) / self._per_second

    def take(self, amount: float, now: float) -> None:
        """Use some of it; a negative amount gives back what was not needed after all."""
        self._fill(now)
        self._level = min(self._most, self._level - amount)

    def _fill(self, now: float) -> None:
        since = now if self._filled_at is None else self._filled_at
        self._level = min(self._most, self._level + (now - since) * self._per_second)
        self._filled_at = now


class Capacity:
    """One endpoint's state. `begin` a request only when `wait_seconds` is 0; end it by `end` and one verdict."""

    def __init__(
        self, most: int, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self.in_flight = 0
        self.limit = min(_FIRST_LIMIT, float(most))
        self.failing_since: float | None = None
        self._most = float(most)
        self._requests = RateLimit(requests_per_minute) if requests_per_minute else None
        self._tokens = RateLimit(tokens_per_minute) if tokens_per_minute else None
        self._has_been_cut = False
        self._round_size = int(self.limit)
        self._verdicts = self._turned_away = 0
        self._not_before = -inf
        self._failures = 0
        self._refusals = 0
        self._rest_seconds = 0.0
        self._worked_at = -inf

    @property
    def is_open(self) -> bool:
        """Say whether the breaker has opened: then one request at a time tries whether it works again."""
        return self._rest_seconds > 0

    @property
    def is_hopeless(self) -> bool:
        """Say whether it has refused so many in a row that it would refuse them all."""
        return self._refusals >= _REFUSALS_THAT_CLOSE

    def wait_seconds(self, now: float) -> float:
        """Return 0 when a request may begin, infinity when another must end first, else how long to wait."""
        if self.in_flight >= (1 if self.is_open else int(self.limit)):
            return inf
        waits = [rate.wait_seconds(now) for rate in (self._requests, self._tokens) if rate is not None]
        return max(0.0, self._not_before - now, *waits)

    def begin(self, tokens: int, now: float) -> None:
        self.in_flight += 1
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)

    def end(self, tokens_not_needed: int, now: float) -> None:
        self.in_flight -= 1
        if self._tokens is not None:
            self._tokens.take(-tokens_not_needed, now)

    def answered(self, began: float) -> None:
        """Grow: by one for each answer until the endpoint has once complained, then a little after each good round."""
        self._worked_at = max(self._worked_at, began)
        self._failures = self._refusals = 0
        self._rest_seconds = 0.0
        self.failing_since = None
        if not self._has_been_cut:
            self.limit = min(self._most, self.limit + 1)
        self._count(is_turned_away=False)

    def asked_to_slow_down(self, now: float, retry_after_seconds: float | None) -> None:
        """Wait as long as the endpoint wishes; a round with many such wishes shrinks it."""
        self._count(is_turned_away=True)
        wait = _SECONDS_AFTER_429 * random.uniform(0.5, 1.5) if retry_after_seconds is None else retry_after_seconds
        self._not_before = max(self._not_before, now + wait)

    def refused(self) -> None:
        self._failures = 0
        self._refusals += 1

    def failed(self, began: float, now: float) -> None:
        """Count; after many failures in a row rest, twice as long after each try that fails too.

        What began before a request that was answered says nothing any more: requests that hang time out together, long
        after others went through.
        """
        if began <= self._worked_at:
            return
        self._failures += 1
        if self.failing_since is None:
            self.failing_since = now
        if self.is_open and began >= self._not_before:
            self._rest(self._rest_seconds * 2, now)
        elif not self.is_open and self._failures >= _FAILURES_THAT_OPEN:
            self._rest(_FIRST_REST_SECONDS, now)

    def _count(self, is_turned_away: bool) -> None:
        """At the end of a round grow additively, or shrink by the share of it that was turned away."""
        self._verdicts += 1
        self._turned_away += is_turned_away
        if self._verdicts < self._round_size:
            return
        share = self._turned_away / self._verdicts
        if share > _BEARABLE_SHARE:
            self.limit = max(1.0, self.limit * (1 - _DEEPEST_CUT * share))
            self._has_been_cut = True
        elif self._has_been_cut:
            self.limit = min(self._most, self.limit + max(1.0, self.limit / _STEPS_TO_DOUBLE))
        self._round_size = int(self.limit)
        self._verdicts = self._turned_away = 0

    def _rest(self, seconds: float, now: float) -> None:
        self._rest_seconds = min(_LONGEST_REST_SECONDS, seconds)
        self._not_before = max(self._not_before, now + self._rest_seconds * random.uniform(0.8, 1.2))
