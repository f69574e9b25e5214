"""Figures about many values: how they spread, and how evenly the preference hierarchy is used."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Generic, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from data_gen.hierarchy import Hierarchy
from data_gen.preferences import Dimension
from data_gen.rouge import rouge_l

MOST_COMPARISONS = 1_000
"""Pairs of texts compared by ROUGE-L for one figure; of more, so many are drawn, always the same."""

Item = TypeVar("Item")


class Spread(BaseModel):
    """How a figure is distributed, and the share of it within what is usual."""

    model_config = ConfigDict(frozen=True)

    n: int
    mean: float
    p5: float
    median: float
    p95: float
    usual: tuple[float, float] | None = None
    share_usual: float | None = None


class Coverage(BaseModel):
    """How evenly one dimension's subdimensions are used."""

    model_config = ConfigDict(frozen=True)

    subdimensions: dict[str, int]
    known: int = Field(description="How many subdimensions the hierarchy has")
    known_used: int = Field(description="How many of these occur")
    entropy_bits: float
    evenness: float = Field(
        description="Entropy against a uniform choice among the hierarchy's; new ones can add to it"
    )


class Sample(Generic[Item]):
    """A fair sample of a stream of unknown length, always the same for the same stream."""

    def __init__(self, size: int) -> None:
        self.kept: list[Item] = []
        self._size, self._seen, self._rng = size, 0, random.Random(size)

    def offer(self, item: Item) -> None:
        self._seen += 1
        if len(self.kept) < self._size:
            self.kept.append(item)
        elif (place := self._rng.randrange(self._seen)) < self._size:
            self.kept[place] = item


def spread(values: Sequence[float], usual: tuple[float, float] | None = None) -> Spread | None:
    """Summarise values; None for none."""
    if not len(values):
        return None
    found = np.asarray(values, dtype=np.float64)
    p5, median, p95 = np.percentile(found, [5, 50, 95])
    inside = None if usual is None else float(np.mean((found >= usual[0]) & (found <= usual[1])))
    return Spread(
        n=len(found),
        mean=round(float(found.mean()), 4),
        p5=round(float(p5), 4),
        median=round(float(median), 4),
        p95=round(float(p95), 4),
        usual=usual,
        share_usual=None if inside is None else round(inside, 4),
    )


def likeness_within(texts: Sequence[str]) -> Spread | None:
    """Return how ROUGE-L is distributed between pairs of these texts."""
    pairs: Iterable[tuple[int, int]] = combinations(range(len(texts)), 2)
    if len(texts) ** 2 > 2 * MOST_COMPARISONS:
        rng = random.Random(len(texts))
        pairs = ((one, other) for one, other in (rng.sample(range(len(texts)), 2) for _ in range(MOST_COMPARISONS)))
    return likeness_of([(texts[one], texts[other]) for one, other in pairs])


def likeness_of(pairs: Sequence[tuple[str, str]]) -> Spread | None:
    """Return how ROUGE-L is distributed over these pairs."""
    return spread([rouge_l(one, other) for one, other in pairs])


def coverage(counts: Counter[str], hierarchy: Hierarchy, dimension: Dimension) -> Coverage:
    """Compare how often each subdimension was chosen with a uniform choice."""
    branch = next(one for one in hierarchy.dimensions if one.id == dimension)
    known = {subdimension.id for subdimension in branch.subdimensions}
    total = counts.total()
    bits = -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0
    uniform_bits = math.log2(len(known)) if len(known) > 1 else 1.0
    return Coverage(
        subdimensions=dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))),
        known=len(known),
        known_used=len(known & counts.keys()),
        entropy_bits=round(bits, 4),
        evenness=round(bits / uniform_bits, 4),
    )
