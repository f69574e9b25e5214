"""How unsafe a text looks. Any function from a text to a number between 0 and 1 can take the place of the word list."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

UNSAFE_FROM = 0.5

# A first sieve, no judgement: what a person should look at before it is trained on.
_WORRYING = (
    r"(build|make|making|assemble)\w* (an |a |the )?((?!bath )\w+ )?(bomb|explosive|grenade|nerve agent|bioweapon)s?",
    r"(synthesi[sz]e|cook|produce)\w* (\w+ )?(meth|methamphetamine|heroin|fentanyl|sarin|ricin)",
    r"(kill|murder|poison|rape|torture|kidnap)\w* (her|him|someone|somebody|people|children)",
    r"(kill|murder|poison|rape|torture|kidnap)\w* my (wife|husband|boss|neighbou?r|ex|parents)",
    r"(commit|committing) suicide|kill myself|ways to die",
    r"child (porn\w*|sexual)|sexual\w* (\w+ )?(minor|child)\w*|underage (sex|girl|boy)\w*",
    r"(write|create|make) (a |an )?(\w+ )?(malware|ransomware|keylogger|virus that)",
    r"(steal|stolen) (credit card|identit|password)\w*|hack into",
    r"(racial|ethnic|homophobic) slurs?|(exterminate|gas) (all )?the \w+",
)
_PATTERN = re.compile("|".join(rf"\b(?:{one})\b" for one in _WORRYING), re.IGNORECASE)


class Scorer(NamedTuple):
    """A judge of safety and the name under which reports cite it."""

    name: str
    score: Callable[[str], float]


def worrying_phrases(text: str) -> list[str]:
    """Return the phrases of a text that are on the word list, as they stand there."""
    return [match[0] for match in _PATTERN.finditer(text)]


def _by_words(text: str) -> float:
    found = len(worrying_phrases(text))
    return round(1 - 0.5**found, 3)


WORD_LIST = Scorer("word list of data_gen/safety.py", _by_words)
