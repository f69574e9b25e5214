"""The nouns of personalisation: a preference, a set of four, and how often each was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

Dimension = Literal["style", "background_knowledge", "informativeness", "harmlessness"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
"""In the order of the Multifaceted Collection."""


class Preference(BaseModel):
    """One quality of a response as one person wants it; the columns of `preference_set` (arXiv:2405.17977)."""

    model_config = ConfigDict(frozen=True)

    dimension: Dimension
    subdimension: str = Field(min_length=1)
    preference: str = Field(min_length=1, description="Keywords, 1 to 8 words")
    description: str = Field(min_length=1, description="What the response should be like, and why this person wants it")


class PreferenceSet(RootModel[tuple[Preference, Preference, Preference, Preference]]):
    """Exactly four preferences, one a dimension, in the order of `DIMENSIONS`."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _one_a_dimension(self) -> PreferenceSet:
        found = tuple(preference.dimension for preference in self.root)
        if found != DIMENSIONS:
            raise ValueError(
                f"a preference set is {', '.join(DIMENSIONS)}, in this order; this one is {', '.join(found)}"
            )
        return self


class TreeCount(BaseModel):
    """How often a node of the tree was chosen: itself, or anything below it."""

    model_config = ConfigDict(frozen=True)

    path: tuple[str, ...]
    """Dimension; dimension and subdimension; or these two and the keywords of a preference."""
    count: int


def tree_counts(preference_sets: Iterable[Iterable[Preference]]) -> list[TreeCount]:
    """Count every node, parents before children, dimensions in their order, and then the most frequent first."""
    counts: Counter[tuple[str, ...]] = Counter()
    for preference_set in preference_sets:
        for one in preference_set:
            path = (one.dimension, one.subdimension, one.preference)
            counts.update(path[:depth] for depth in (1, 2, 3))

    def place(path: tuple[str, ...]) -> list[tuple[int, str]]:
        below = [(-counts[path[:depth]], path[depth - 1]) for depth in range(2, len(path) + 1)]
        return [(DIMENSIONS.index(path[0]), ""), *below]

    return [TreeCount(path=path, count=counts[path]) for path in sorted(counts, key=place)]
