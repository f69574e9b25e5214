"""How many threads a step should use: as many as there are cores on a quiet machine, one on a busy one.

The threads of a matrix product wait for each other. When other processes hold a core, every product waits until the
operating system has given each thread its turn, and a step becomes ten times slower rather than twice (measured:
ARCHITECTURE.md). Load averages lag and do not see other containers, so the steps themselves are timed.
"""

from __future__ import annotations

from collections.abc import Callable

_BETTER = 0.85
"""The other number of threads must be this much faster to be taken: noise should not make it flutter."""
_PROBE_STEPS = 2
_FIRST_PAUSE, _LONGEST_PAUSE = 4, 256
_SLOWED = 1.6


class Threads:
    """Chooses between all cores and one. Call `before` and `after` around every step that makes one token a row."""

    def __init__(self, most: int, use: Callable[[int], None]) -> None:
        self._use = use
        self._counts = (most, 1) if most > 1 else (most,)
        self._current = 0
        self._probing = 0
        self._since_probe, self._pause = 0, _FIRST_PAUSE
        self._rows = 0
        self._seconds: list[float | None] = [None, None]
        use(most)

    @property
    def count(self) -> int:
        return self._counts[self._running]

    @property
    def _running(self) -> int:
        return 1 - self._current if self._probing else self._current

    def before(self, rows: int) -> None:
        """Set the number of threads for a step over that many rows; times of another number of rows do not count."""
        if rows != self._rows:
            self._rows, self._seconds, self._probing = rows, [None, None], 0
            self._pause = _FIRST_PAUSE
        if len(self._counts) > 1 and not self._probing and self._since_probe >= self._pause:
            self._probing, self._since_probe = _PROBE_STEPS, 0
            self._seconds[1 - self._current] = None
        self._use(self.count)

    def after(self, seconds: float) -> None:
        """Learn how long the step took."""
        known = self._seconds[self._running]
        self._seconds[self._running] = seconds if known is None else min(known, seconds) * 0.5 + seconds * 0.5
        if self._probing:
            self._probing -= 1
            if not self._probing:
                self._decide()
            return
        self._since_probe += 1
        if known is not None and seconds > known * _SLOWED:
            self._pause = min(self._pause, _FIRST_PAUSE)  # something has changed: look again soon

    def _decide(self) -> None:
        mine, other = self._seconds[self._current], self._seconds[1 - self._current]
        if mine is not None and other is not None and other < mine * _BETTER:
            self._current = 1 - self._current
            self._pause = _FIRST_PAUSE
        else:
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
