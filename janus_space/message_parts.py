"""A system message and what is left of it when one of its parts is taken out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_PARTS = 12  # each costs another reading of the whole conversation

# The one group that matches is what stands between two sentences.
_BETWEEN = re.compile(r"[.!?…][\"'”’)\]]*(\s+)(?=[^\sa-z])|[。！？]()|(\s*\n\s*)")


class Part(NamedTuple):
    """One part of a system message: what it is called, its words, and the message without them."""

    name: str
    text: str
    without: str


def by_span(message: str, spans: Iterable[tuple[str, int, int]]) -> list[Part]:
    """Divide a message by (name, start, end); spans of one name are one part, and words in none belong to no part."""
    named: dict[str, list[tuple[int, int]]] = {}
    for name, start, end in spans:
        named.setdefault(name, []).append((start, end))
    return [
        Part(name, " … ".join(message[start:end] for start, end in sorted(found)), _without(message, found))
        for name, found in named.items()
    ]


def by_sentence(message: str) -> list[Part]:
    """Divide a message into its sentences, or into at most `MAX_PARTS` runs of them, named by their numbers."""
    gaps = [match.span(match.lastindex or 0) for match in _BETWEEN.finditer(message)]
    starts, ends = [0, *(end for _, end in gaps)], [*(start for start, _ in gaps), len(message)]
    sentences = [(start, end) for start, end in zip(starts, ends, strict=True) if message[start:end].strip()]
    run = -(-len(sentences) // MAX_PARTS)
    runs = [sentences[first : first + run] for first in range(0, len(sentences), run or 1)]
    return by_span(message, ((str(number), one[0][0], one[-1][1]) for number, one in enumerate(runs, 1)))


def _without(message: str, spans: list[tuple[int, int]]) -> str:
    left, at = "", 0
    for start, end in [*sorted(spans), (len(message), len(message))]:  # they may overlap
        between = message[at : max(at, start)]
        # Two spaces where the words stood would be a trace of them.
        left += between.lstrip(" ") if not left or left[-1].isspace() else between
        at = max(at, end)
    return left.strip()
