"""What a varied dataset reaches: the bounds that the quality report holds its own figures against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field

from data_gen.figures import Coverage, Spread
from data_gen.preferences import Dimension

# The project's own hand-written rows have an evenness of 0.98 and more, and a ROUGE-L of 0.13 between siblings and of
# 0.14 between descriptions of one dimension; a teacher that repeats itself comes nowhere near.
LEAST_EVENNESS = 0.7
MOST_ROUGE_L_SIBLING_ANSWERS = 0.3
MOST_ROUGE_L_DESCRIPTIONS = 0.3
_ENOUGH_ROWS = 30


class Floor(BaseModel):
    """One bound, and what was measured; with too few rows, or none, nothing is judged."""

    model_config = ConfigDict(frozen=True)

    what: str
    measured: float | None
    at_least: float | None = None
    at_most: float | None = None
    is_kept: bool | None = Field(description="None where there is too little to judge by")


def floors(
    rows: int,
    coverages: Mapping[Dimension, Coverage],
    descriptions: Mapping[Dimension, Spread | None],
    sibling_answers: Spread | None,
) -> Iterator[Floor]:
    """Hold the figures of a report against their bounds."""
    is_judged = rows >= _ENOUGH_ROWS
    for name, found in coverages.items():
        is_kept = found.evenness >= LEAST_EVENNESS if is_judged else None
        what = f"evenness of subdimensions: {name}"
        yield Floor(what=what, measured=found.evenness, at_least=LEAST_EVENNESS, is_kept=is_kept)
    likenesses = {f"ROUGE-L of descriptions: {name}": found for name, found in descriptions.items()}
    bounds = dict.fromkeys(likenesses, MOST_ROUGE_L_DESCRIPTIONS)
    likenesses["ROUGE-L of answers to one instruction"] = sibling_answers
    for what, spread in likenesses.items():
        most = bounds.get(what, MOST_ROUGE_L_SIBLING_ANSWERS)
        mean = None if spread is None else spread.mean
        yield Floor(
            what=what,
            measured=mean,
            at_most=most,
            is_kept=None if mean is None or not is_judged else mean <= most,
        )
