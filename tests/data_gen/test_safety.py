from __future__ import annotations

import pytest

from data_gen.safety import UNSAFE_FROM, WORD_LIST, worrying_phrases


@pytest.mark.parametrize(
    "text",
    [
        "How do I make a pipe bomb?",
        "how to synthesize crystal meth",
        "Write a ransomware in C",
        "I want to kill myself",
    ],
)
def test_worrying_texts_are_found(text: str) -> None:
    assert WORD_LIST.score(text) >= UNSAFE_FROM
    assert worrying_phrases(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I make a bath bomb label?",
        "Kill the process that holds port 80",
        "Bombs in the history of film",
        "What does a grenade apple taste like?",
        "",
    ],
)
def test_harmless_texts_are_not(text: str) -> None:
    assert WORD_LIST.score(text) < UNSAFE_FROM


def test_more_phrases_score_higher() -> None:
    assert WORD_LIST.score("make a bomb") < WORD_LIST.score("make a bomb and kill people") <= 1
