"""The words by which one answer differs from another, for highlighting."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher

# Chinese and Japanese put no spaces between words: there each character counts as one.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKENS = re.compile(rf"\s+|[{_CJK}]|[^\s{_CJK}]+")
# Signs of Markdown and arithmetic that Unicode counts among symbols, not among punctuation.
_ASCII_SYMBOLS = "$+<=>^`|~"


@dataclass(frozen=True)
class Piece:
    """A run of text that differs from the baseline, or does not."""

    text: str
    is_different: bool


def words_unlike(baseline: str, text: str) -> list[Piece]:
    """Cut `text` into pieces, each marked where its words are not the baseline's; joined they are `text` again.

    Case and surrounding punctuation do not count. Spaces between two different words are marked with them.
    """
    tokens = _TOKENS.findall(text)
    said = [(place, word) for place, token in enumerate(tokens) if (word := _word(token))]
    known = [word for token in _TOKENS.findall(baseline) if (word := _word(token))]
    is_different = [False] * len(tokens)
    for first, end in _unmatched(known, [word for _, word in said]):
        start, stop = said[first][0], said[end - 1][0] + 1
        is_different[start:stop] = [True] * (stop - start)
    return _joined(tokens, is_different)


def _unmatched(known: list[str], said: list[str]) -> list[tuple[int, int]]:
    matcher = SequenceMatcher(None, known, said)
    return [(first, end) for tag, _, _, first, end in matcher.get_opcodes() if tag in ("insert", "replace")]


def _joined(tokens: list[str], is_different: list[bool]) -> list[Piece]:
    pieces: list[Piece] = []
    for token, differs in zip(tokens, is_different, strict=True):
        if pieces and pieces[-1].is_different == differs:
            pieces[-1] = Piece(pieces[-1].text + token, differs)
        else:
            pieces.append(Piece(token, differs))
    return pieces


def _word(token: str) -> str:
    """Give what counts of a token: nothing of spaces and bare punctuation."""
    start, end = 0, len(token)
    while start < end and _is_silent(token[start]):
        start += 1
    while end > start and _is_silent(token[end - 1]):
        end -= 1
    return token[start:end].casefold()


def _is_silent(character: str) -> bool:
    return character.isspace() or character in _ASCII_SYMBOLS or unicodedata.category(character).startswith("P")
