"""The words of an answer in a row that something made much likelier, from one influence (nats) a token.

A phrase is a run of whole words inside one sentence or line. Each word has to be made twice as likely to pay for its
place, and of all runs the one that gains most is taken first, then the best ones beside it (the maximal scoring runs of
Ruzzo and Tompa, ISMB 1999). It counts if it was made at least three times as likely in all: a Bayes factor of three is
where evidence begins to be called positive (Kass and Raftery, JASA 1995).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

TWICE, THRICE = math.log(2), math.log(3)

_SENTENCE_END = re.compile(r"[.!?…。！？:][\"'”’)\]*]*\s*$|\n")


def phrases(tokens: Sequence[str], influence: Sequence[float]) -> list[tuple[float, int, int]]:
    """Return the (influence, start, end) of every phrase, strongest first, counted in tokens."""
    words = list(_words(tokens))
    worth = [sum(influence[start:end]) - TWICE for start, end in words]
    found, open_stretches = [], list(_sentences(words, tokens))
    while open_stretches:
        low, high = open_stretches.pop()
        best, first, last = _best_run(worth, low, high)
        if best <= 0:
            continue
        start, end = words[first][0], words[last - 1][1]
        found.append((sum(influence[start:end]), start, end))
        open_stretches += [(low, first), (last, high)]
    return sorted((phrase for phrase in found if phrase[0] >= THRICE), reverse=True)


def _words(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the tokens [start, end) of each word with the punctuation and the white space that belong to it."""
    start = 0
    for place in range(1, len(tokens)):
        if tokens[place][:1].isspace() or tokens[place - 1][-1:].isspace():
            yield start, place
            start = place
    yield start, len(tokens)


def _sentences(words: Sequence[tuple[int, int]], tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the words [start, end) of each sentence or line."""
    first = 0
    for place, (start, end) in enumerate(words, 1):
        if place == len(words) or _SENTENCE_END.search("".join(tokens[start:end])):
            yield first, place
            first = place


def _best_run(worth: Sequence[float], low: int, high: int) -> tuple[float, int, int]:
    """Return the sum, start and end of the run in [low, high) with the largest sum; 0 if none is above it."""
    best, best_first, best_last = 0.0, low, low
    running, first = 0.0, low
    for place in range(low, high):
        if running <= 0:
            running, first = 0.0, place
        running += worth[place]
        if running > best:
            best, best_first, best_last = running, first, place + 1
    return best, best_first, best_last
