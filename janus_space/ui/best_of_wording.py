"""Several answers to one question, ranked by a reward model, as HTML made here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from janus_space.best_of import Sample

NO_JUDGE = (
    "<p class='hint'>No reward model was trained here yet: train one on the Train tab with the method “reward”. It then"
    " chooses the best of several answers.</p>"
)
HINT = (
    "<p class='hint'>One column answers its last question several times; a reward model that was trained here reads the"
    " system message with each answer, and the best comes first.</p>"
)


def ranked(samples: Sequence[Sample], column: str, judge: str) -> str:
    """Show the best answer with its score, and the others folded up."""
    best, *others = samples
    mean = sum(sample.reward for sample in samples) / len(samples)
    told = (
        f"The best of {len(samples)} answers of column {column}, as {judge} sees them: {best.reward:.3f}; their mean is"
        f" {mean:.3f}, the lowest {samples[-1].reward:.3f}."
    )
    listed = "".join(
        f"<li value='{place}'><strong>{sample.reward:.3f}</strong><p>{escape(sample.text)}</p></li>"
        for place, sample in enumerate(others, 2)
    )
    return (
        f"<p class='status-line done'>{escape(told)}</p><blockquote class='best'>{escape(best.text)}</blockquote>"
        f"<details class='others'><summary>The other {len(others)}, with their scores</summary><ol>{listed}</ol>"
        "</details>"
    )
