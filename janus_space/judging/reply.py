"""How a verdict is read from a judge's reply: rather none than one that the judge did not give.

A reply that is JSON is read as JSON, any other by the words at its very end. What a judge quotes on the way (an answer
that says "[RESULT] 5", a rubric, the form that was asked for) is no verdict, so a verdict must

- be the JSON object that the whole reply is; or
- end the reply: nothing but punctuation and emphasis follows;
- begin a sentence, a line or the reply, and stand outside of quotation marks and code;
- be one whole number within the range, "4/5" and "4 out of 5" included, and "4/10" not;
- not be what a sentence like "the answer ends so:" announces;
- not be contradicted by another one that stands as freely.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

Verdict = TypeVar("Verdict")


class Reading(NamedTuple, Generic[Verdict]):
    """A verdict, and what the judge said before it."""

    verdict: Verdict
    feedback: str


class Unreadable(ValueError):
    """The reply holds no verdict that is surely the judge's; the sentence says why."""


Read = Callable[[str], Reading[Verdict]]

_END = r"[\s.!*_`]*\Z"
_EMPHASIS = r"[*_`]{0,3}"
_LABEL = r"(?:(?:final|overall)\s+)?(?:score|rating|result|verdict|grade)"
_MARKER = r"(?:\[\s*(?:result|score|rating)\s*\]\s*:?)"
# What may stand before a verdict: the beginning, a line's beginning, or the end of a sentence.
_START = r"(?:\A|\n|(?<=[.!?;)\]”’\"…*`])[^\S\n])[^\S\n]*(?:[-#*_]+[^\S\n]*)?"
_QUOTES = re.compile(r'["“”]|```')
_FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)
_OWN = re.compile(r"\b(?:verdict|score|rating|result|grade|judge?ment|evaluation|assessment|feedback)\b", re.IGNORECASE)
_THOUGHTS = re.compile(r"\A\s*<think>.*</think>", re.DOTALL)


def score_reader(lowest: int, highest: int, key: str = "score") -> Read[int]:
    """Make the function that reads a whole number between two others; it raises `Unreadable`."""
    tail = re.compile(_score_pattern(highest), re.IGNORECASE)
    anywhere = re.compile(
        rf"{_START}{_EMPHASIS}(?:{_MARKER}\W{{0,6}}(?:{_LABEL}\W{{1,4}})?|{_LABEL}{_EMPHASIS}\s*[:=]\W{{0,4}})([0-9]+)",
        re.IGNORECASE,
    )

    def read(reply: str) -> Reading[int]:
        reply = _THOUGHTS.sub("", reply)
        found = _json_object(reply)
        if found is not None:
            return Reading(_whole_number(found.get(key), lowest, highest), _feedback(found))
        match = _only_free(tail, reply)
        if match is None or _is_announced_as_anothers(reply[: match.start()]):
            raise Unreadable("it does not end with a score.")
        score = _in_range(int(next(filter(None, match.groups()))), lowest, highest)
        others = {int(one[1]) for one in anywhere.finditer(reply) if _is_free(reply, one.start(1))}
        if others - {score}:
            raise Unreadable("it gives more than one score.")
        return Reading(score, reply[: match.start()].strip())

    return read


def label_reader(labels: tuple[str, ...], key: str = "verdict") -> Read[str]:
    """Make the function that reads one of these labels, which stands in [[ ]] where there is no JSON."""
    one_of = "|".join(map(re.escape, labels))
    tail = re.compile(rf"\[\[\s*({one_of})\s*\]\]{_END}")
    anywhere = re.compile(rf"\[\[\s*({one_of})\s*\]\]")

    def read(reply: str) -> Reading[str]:
        reply = _THOUGHTS.sub("", reply)
        found = _json_object(reply)
        if found is not None:
            if found.get(key) not in labels:
                raise Unreadable(f"its {key} is none of {', '.join(labels)}.")
            return Reading(found[key], _feedback(found))
        match = tail.search(reply)
        if match is None or not _is_free(reply, match.start(1)):
            raise Unreadable("it does not end with a verdict in double brackets.")
        if {one[1] for one in anywhere.finditer(reply)} != {match[1]}:
            raise Unreadable("it gives more than one verdict.")
        return Reading(match[1], reply[: match.start()].strip())

    return read


def _score_pattern(highest: int) -> str:
    """Build the forms in which a score ends a reply, each with its number in a group."""
    number = rf"(?<![\d.,/-])([0-9]{{1,3}})(?:\s*/\s*{highest}|\s+out\s+of\s+{highest})?"
    labelled = rf"{_EMPHASIS}{_LABEL}{_EMPHASIS}\s*(?:[:=]|of\b|\s)\s*{_EMPHASIS}\s*"
    inner = rf"(?:{labelled})?[(\[]{{0,2}}\s*{number}\s*[)\]]{{0,2}}"
    forms = (
        rf"{_EMPHASIS}(?:{labelled})?{_MARKER}\s*{_EMPHASIS}\s*{inner}",
        rf"{labelled}[(\[]?\s*{number}\s*[)\]]?",
        rf"[(\[]\s*{labelled}{number}\s*[)\]]",
        rf"\[{{1,2}}\s*{number}\s*\]{{1,2}}",
    )
    return rf"{_START}(?:{'|'.join(forms)}){_END}"


def _only_free(pattern: re.Pattern[str], reply: str) -> re.Match[str] | None:
    return next((one for one in pattern.finditer(reply) if _is_free(reply, one.start())), None)


def _is_free(reply: str, place: int) -> bool:
    """Say whether a place stands outside of quotation marks and code, as far as marks before it tell."""
    marks = _QUOTES.findall(reply, 0, place)
    return marks.count('"') % 2 == 0 and marks.count("```") % 2 == 0 and marks.count("“") == marks.count("”")


def _is_announced_as_anothers(before: str) -> bool:
    """Say whether what comes next is announced, and not as the judge's own verdict."""
    last_sentence = re.split(r"\n|[.!?;…]\s", before.rstrip())[-1]
    return last_sentence.endswith((":", ":**")) and not _OWN.search(last_sentence)


def _json_object(reply: str) -> dict[str, Any] | None:
    """Return the JSON object that a reply is, within a fence or bare; None where it is something else."""
    text = reply.strip()
    fenced = _FENCED.fullmatch(text)
    try:
        found = _DECODER.decode(fenced[1] if fenced else text)
    except Unreadable:
        raise
    except (ValueError, RecursionError):  # a number of thousands of digits is no JSONDecodeError
        return None
    return found if isinstance(found, dict) else None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("it gives one key twice.")
    return found


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_unambiguous)


def _whole_number(value: Any, lowest: int, highest: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,3}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        raise Unreadable("its score is not a whole number.")
    return _in_range(int(value), lowest, highest)


def _in_range(score: int, lowest: int, highest: int) -> int:
    if not lowest <= score <= highest:
        raise Unreadable(f"its score is not between {lowest} and {highest}.")
    return score


def _feedback(found: dict[str, Any]) -> str:
    return next((str(found[name]) for name in ("feedback", "explanation") if found.get(name)), "")
