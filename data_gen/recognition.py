"""Which preferences a text speaks to, told by its words alone: modest, quick, and always with the words that say so.

Two signs count. Every subdimension names words by which people speak of it (`signs` in the hierarchy's file). And a
preference is recognised where its own phrase stands there, or one sentence holds most of the telling words of one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from data_gen.hierarchy import Hierarchy
from data_gen.preferences import DIMENSIONS, Dimension

_NEEDED_SHARE = 0.65
_NEEDED_WORDS = 2

# Words that say nothing about which preference is meant.
_EMPTY = re.findall(
    r"\w+",
    """
a about all also an and answer answering answers any are as at be before but by can do each even every first for
from give given has have how if in into is it its just keep know known let long main make matter more most must
need needed no not of on one only or other out over part people person point put question questions reader reply
say short so some something subject such term than that the their them then there they thing things this those
time to up use very was what when where which while who whole whom with without word words would write writing
you your
""",
)
_ENDINGS = re.compile(r"(?:ations?|ingly|edly|ings?|ed|ely|ly|ies|es|s|e|y)$")


class Lexicon:
    """The words of one hierarchy, made ready for looking up."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._signs = {
            branch.id: _any_of(sign for one in branch.subdimensions for sign in one.signs)
            for branch in hierarchy.dimensions
        }
        self._phrases = {
            leaf.id: [(phrase, _stems(phrase)) for phrase in (leaf.preference, *leaf.full, *leaf.brief, leaf.aim)]
            for leaf in hierarchy.leaves.values()
        }
        users = Counter(
            stem for phrases in self._phrases.values() for stem in frozenset().union(*(stems for _, stems in phrases))
        )
        self._weight = {stem: math.log(1 + len(self._phrases) / count) for stem, count in users.items()}

    def dimensions(self, text: str) -> dict[Dimension, list[str]]:
        """Map each dimension to the words of the text that speak of it, in their order; empty where none does."""
        found: dict[Dimension, list[str]] = {}
        for name in DIMENSIONS:
            pattern = self._signs.get(name)
            words = [match[0].lower() for match in pattern.finditer(text)] if pattern else []
            found[name] = list(dict.fromkeys(words))
        return found

    def preferences(self, text: str) -> list[str]:
        """List the ids of the preferences whose phrases the text comes near to, in the order of the tree."""
        lowered = text.lower()
        sentences = [stems for one in re.split(r"[.!?;\n]+", text) if (stems := _stems(one))]
        return [
            name
            for name, phrases in self._phrases.items()
            if any(
                phrase in lowered or any(self._is_near(stems, sentence) for sentence in sentences)
                for phrase, stems in phrases
            )
        ]

    def _is_near(self, phrase: frozenset[str], sentence: frozenset[str]) -> bool:
        hits = phrase & sentence
        if len(hits) < _NEEDED_WORDS:
            return False
        return sum(map(self._weight.__getitem__, hits)) >= _NEEDED_SHARE * sum(map(self._weight.__getitem__, phrase))


def _stems(text: str) -> frozenset[str]:
    words = re.findall(r"[a-z][a-z'-]+", text.lower().replace("’", "'"))
    return frozenset(_stem(word) for word in words) - _EMPTY_STEMS


def _stem(word: str) -> str:
    return word if len(word) <= 4 else _ENDINGS.sub("", word)


_EMPTY_STEMS = frozenset(map(_stem, _EMPTY))


def _any_of(signs: Iterable[str]) -> re.Pattern[str] | None:
    """Match any of the signs as whole words; a `*` at the end of one stands for any ending."""
    patterns = [re.escape(sign.rstrip("*")) + (r"\w*" if sign.endswith("*") else "") for sign in signs]
    longest_first = sorted(patterns, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(longest_first)})(?![\w-])", re.IGNORECASE) if patterns else None
