"""How far a judge can be trusted: what it can tell apart, and how well judges, runs or people agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise, permutations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

ENOUGH_POWER = 0.7
"""Under this, a difference between models may be the judge's dice: no claim is made."""

Level = Literal["nominal", "ordinal", "interval"]
Floats = NDArray[np.float64]

_ROUNDS = 1000


class Power(NamedTuple):
    """How often a judge scores an answer higher under its own system message than another under a wrong one."""

    auroc: float
    interval: tuple[float, float]
    n: int

    @property
    def is_enough(self) -> bool:
        return self.auroc >= ENOUGH_POWER


def auroc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Return the chance that one of `higher` exceeds one of `lower`; equal scores count half."""
    return float(_auroc(np.asarray(higher, float), np.asarray(lower, float)))


def power(scores: Sequence[tuple[Hashable, float, float]], seed: int = 0) -> Power | None:
    """Measure it on (instruction, score under the right message, under a wrong one); None without rows.

    The interval is a bootstrap over instructions.
    """
    if not scores:
        return None
    clusters: dict[Hashable, list[int]] = {}
    for place, (cluster, _, _) in enumerate(scores):
        clusters.setdefault(cluster, []).append(place)
    right = np.array([score for _, score, _ in scores])
    wrong = np.array([score for _, _, score in scores])
    places = [np.array(found) for found in clusters.values()]
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(_ROUNDS):
        rows = np.concatenate([places[one] for one in random.integers(len(places), size=len(places))])
        drawn.append(_auroc(right[rows], wrong[rows]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Power(float(_auroc(right, wrong)), (float(low), float(high)), len(scores))


def alpha(units: Sequence[Sequence[float | None]], level: Level = "ordinal") -> float | None:
    """Return Krippendorff's alpha; a unit holds what each rater said of one thing, None where one said nothing.

    1 is perfect agreement, 0 what chance gives. None where nothing can be said: fewer than two ratings of anything,
    or all of them equal.
    """
    rated = [[value for value in unit if value is not None] for unit in units]
    rated = [unit for unit in rated if len(unit) > 1]
    totals = Counter(value for unit in rated for value in unit)
    n = sum(totals.values())
    distance = _distances(totals, level)
    expected = sum(totals[a] * totals[b] * distance[a, b] for a, b in permutations(totals, 2))
    if not expected:
        return None
    observed = sum(sum(distance[a, b] for a, b in permutations(unit, 2) if a != b) / (len(unit) - 1) for unit in rated)
    return 1 - (n - 1) * observed / expected


def _auroc(higher: Floats, lower: Floats) -> float:
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left")
    up_to = np.searchsorted(ordered, higher, "right")
    return float((below + up_to).mean() / (2 * len(lower)))


def _distances(totals: Counter[float], level: Level) -> dict[tuple[float, float], float]:
    """Return the squared distance of every two values; ordinal ones lie as far apart as ratings lie between them."""
    values = sorted(totals)
    if level == "nominal":
        return {pair: 1.0 for pair in permutations(values, 2)}
    place = dict(zip(values, values, strict=True))
    if level == "ordinal":
        position = 0.0
        place = {values[0]: 0.0} if values else {}
        for before, value in pairwise(values):
            position += (totals[before] + totals[value]) / 2
            place[value] = position
    return {(a, b): (place[a] - place[b]) ** 2 for a, b in permutations(values, 2)}
