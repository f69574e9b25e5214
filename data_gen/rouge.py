"""ROUGE-L: how much two texts say in the same words and order (Lin 2004, "ROUGE: A Package …")."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

MOST_WORDS = 400
"""Longer texts are compared by their beginnings: the cost grows with the product of the lengths."""


def rouge_l(one: str, other: str) -> float:
    """Return the F-measure of the longest common subsequence of words, between 0 and 1."""
    first, second = _words(one), _words(other)
    if not first or not second:
        return 0.0
    common = longest_common_subsequence(first, second)
    return 2 * common / (len(first) + len(second))


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return its length, a row of the table at a time."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*first, *second]))}
    columns = np.array([numbers[word] for word in second])
    row = np.zeros(len(second) + 1, dtype=np.int32)
    for word in first:
        # A cell is the best of: above, left, and one more than above-left where the words agree.
        row[1:] = np.maximum(row[1:], row[:-1] + (columns == numbers[word]))
        np.maximum.accumulate(row, out=row)
    return int(row[-1])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())[:MOST_WORDS]
