"""Shares of a count, with Wilson's 95% interval: it stays between 0 and 1, and says something of 0 of 20 too."""

from __future__ import annotations

import math
from statistics import NormalDist

from janus_space.judging.average import Average

_Z = NormalDist().inv_cdf(0.975)


def share(mean: float, count: int, times: float = 1.0) -> Average:
    """Return a mean of `count` numbers between 0 and 1 with its interval, all `times` so much (100 for percent).

    Numbers between 0 and 1 spread less than the two ends do: for them the interval is rather too wide.
    """
    shrunk = 1 / (1 + _Z**2 / count)
    centre = shrunk * (mean + _Z**2 / (2 * count))
    half = shrunk * _Z * math.sqrt(mean * (1 - mean) / count + _Z**2 / (4 * count**2))
    return Average(times * mean, (times * max(0.0, centre - half), times * min(1.0, centre + half)), count)
