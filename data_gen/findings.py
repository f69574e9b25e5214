"""What is unusual about one row: noted on it, never a reason to throw a paid answer away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_gen.asking import Answer
from data_gen.preferences import DIMENSIONS, PreferenceSet

# Measured on public examples of the collection (arXiv:2405.17977).
DESCRIPTION_WORDS = (40, 70)
KEYWORDS = (1, 8)
SYSTEM_WORDS = (115, 175)
_QUOTED_WORDS = 12


def findings_of(chosen: PreferenceSet, system: str, prompt: str, answer: Answer) -> tuple[str, ...]:
    """List what is unusual about a row, in short sentences."""
    return tuple(_look(chosen, system, prompt, answer))


def _look(chosen: PreferenceSet, system: str, prompt: str, answer: Answer) -> Iterator[str]:
    for one in chosen.root:
        yield from _length(f"{one.dimension} description", one.description, DESCRIPTION_WORDS)
        yield from _length(f"{one.dimension} keywords", one.preference, KEYWORDS)
    yield from _length("system message", system, SYSTEM_WORDS)
    if not re.search(r"\byour?\b", system, re.IGNORECASE):
        yield "system message does not address the assistant as 'you'"
    for name in DIMENSIONS:
        if "_" in name and re.search(rf"\b{name.replace('_', '[ _]')}\b", system, re.IGNORECASE):
            yield f"system message names the dimension {name}"
    if _quotes(system, prompt):
        yield "system message quotes the instruction"
    if answer.finish_reason == "length":
        yield "answer was cut off"
    if _quotes(answer.text, system):
        yield "answer quotes the system message"


def _length(name: str, text: str, words: tuple[int, int]) -> Iterator[str]:
    low, high = words
    if not low <= (count := len(text.split())) <= high:
        yield f"{name} has {count} words, {low} to {high} are usual"


def _quotes(text: str, source: str) -> bool:
    """Say whether a long run of words of the source stands in the text."""
    words, place = _plain(source), " ".join(_plain(text))
    runs = (" ".join(words[start : start + _QUOTED_WORDS]) for start in range(len(words) - _QUOTED_WORDS + 1))
    return any(run in place for run in runs)


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
