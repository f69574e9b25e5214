"""Averages of scores, with 95% intervals that know which rows belong together.

Rows of one instruction are not independent: they share what makes it easy or hard. So the spread is taken between
instructions (the sandwich estimator of a mean over clusters), and the t distribution of so many clusters is used.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import NamedTuple

FEWEST_CLUSTERS = 3
"""With fewer instructions than this, an interval would say nothing."""


class Average(NamedTuple):
    """A mean over rows, its interval where one can be told, and how many rows it rests on."""

    mean: float
    interval: tuple[float, float] | None
    n: int

    def as_columns(self, name: str) -> dict[str, object]:
        """Return the two columns of a report's row."""
        return {name: round(self.mean, 4), f"{name}_ci": self.interval and [round(end, 4) for end in self.interval]}


def average(scores: Sequence[tuple[Hashable, float]]) -> Average:
    """Average (cluster, score) over rows; raise ValueError where there are none."""
    if not scores:
        raise ValueError("there are no scores to average")
    mean = fmean(score for _, score in scores)
    clusters: dict[Hashable, float] = {}
    for cluster, score in scores:
        clusters[cluster] = clusters.get(cluster, 0.0) + (score - mean)
    count = len(clusters)
    if count < FEWEST_CLUSTERS:
        return Average(mean, None, len(scores))
    variance = count / (count - 1) * sum(residual**2 for residual in clusters.values()) / len(scores) ** 2
    half = t_quantile(0.975, count - 1) * math.sqrt(variance)
    return Average(mean, (mean - half, mean + half), len(scores))


def by_source(scores: Sequence[tuple[str, Hashable, float]]) -> Mapping[str, Average]:
    """Average (source, cluster, score) for each source, in alphabetical order."""
    sources: dict[str, list[tuple[Hashable, float]]] = {}
    for source, cluster, score in scores:
        sources.setdefault(source, []).append((cluster, score))
    return {source: average(sources[source]) for source in sorted(sources)}


def t_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t, by Cornish and Fisher's expansion: to 1% from 3 degrees on."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / degrees**power for power, term in enumerate(terms))
