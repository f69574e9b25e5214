"""What a teacher's answers must look like, level by level of the tree, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data_gen.asking import Answer
from data_gen.preferences import DIMENSIONS, Preference, PreferenceSet
from data_gen.records import Rubric
from data_gen.structured import form_reader

# Wide of the mark is asked for again; what is only unusual is noted on the record.
_SYSTEM_WORDS = (50, 350)
_DESCRIPTION_WORDS = (10, 150)
_KEYWORDS = 12

_LIST_ITEM = re.compile(r"^\s*([-*•]|\d+[.)])\s+\S", re.MULTILINE)
_QUOTES = "\"“”'`"


class _PreferenceAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    subdimension: str = Field(min_length=1)
    preference: str = Field(min_length=1)
    description: str = Field(min_length=1)

    @field_validator("subdimension")
    @classmethod
    def _plain(cls, text: str) -> str:
        return text.casefold().rstrip(".")

    @field_validator("preference")
    @classmethod
    def _is_a_phrase(cls, text: str) -> str:
        if (count := len(text.split())) > _KEYWORDS:
            raise ValueError(f"has {count} words, and 2 to 6 are wanted")
        return text.rstrip(".")

    @field_validator("description")
    @classmethod
    def _is_a_description(cls, text: str) -> str:
        low, high = _DESCRIPTION_WORDS
        if not low <= (count := len(text.split())) <= high:
            raise ValueError(f"has {count} words, and 45 to 60 are wanted")
        return text


class SetAnswer(BaseModel):
    """One preference a dimension, as the teacher writes them."""

    model_config = ConfigDict(extra="forbid")

    style: _PreferenceAnswer
    background_knowledge: _PreferenceAnswer
    informativeness: _PreferenceAnswer
    harmlessness: _PreferenceAnswer

    @model_validator(mode="before")
    @classmethod
    def _take_lists(cls, found: Any) -> Any:
        """Take the other shapes that models give: a list of four, or either of them under one key."""
        if isinstance(found, dict) and len(found) == 1:
            (found,) = found.values()
        if isinstance(found, list) and all(isinstance(one, dict) and "dimension" in one for one in found):
            names = [str(one["dimension"]).casefold().replace(" ", "_") for one in found]
            if len(set(names)) != len(names):
                raise ValueError("a dimension comes twice; each of the four comes once")
            found = {
                name: {key: value for key, value in one.items() if key != "dimension"}
                for name, one in zip(names, found, strict=True)
            }
        return found

    def as_set(self) -> PreferenceSet:
        """Put the four in the order of the collection."""
        return PreferenceSet.model_validate(
            [{"dimension": name, **getattr(self, name).model_dump()} for name in DIMENSIONS]
        )


def set_reader(earlier: Sequence[PreferenceSet]) -> Callable[[Answer], PreferenceSet]:
    """Make the function that reads a set, which must differ from the instruction's earlier sets."""
    read = form_reader(SetAnswer)

    def read_set(answer: Answer) -> PreferenceSet:
        chosen = read(answer).as_set()
        for number, other in enumerate(earlier, 1):
            if (same := _in_common(chosen, other)) is not None:
                raise ValueError(f"it is too close to set {number} ({same}); imagine another person.")
        return chosen

    return read_set


def _in_common(one: PreferenceSet, other: PreferenceSet) -> str | None:
    """Say what makes two sets too much alike: equal keywords, or more than two equal subdimensions."""
    both: list[tuple[Preference, Preference]] = list(zip(one.root, other.root, strict=True))
    same = [mine.subdimension for mine, theirs in both if mine.subdimension == theirs.subdimension]
    if len(same) > len(DIMENSIONS) // 2:
        return f"the subdimensions {', '.join(same)} are taken there"
    for mine, theirs in both:
        if mine.preference.casefold() == theirs.preference.casefold():
            return f"it has the preference '{mine.preference}' as well"
    return None


def read_system_message(answer: Answer) -> str:
    """Return one paragraph; raise ValueError for what is no system message."""
    if answer.finish_reason != "stop":
        raise ValueError("it was cut off before it ended; write a shorter one.")
    if _LIST_ITEM.search(answer.text):
        raise ValueError("it holds a list; write one paragraph of prose.")
    text = " ".join(answer.text.split())
    text = re.sub(r"^(\W{0,3}system (message|prompt)\W{1,4})", "", text, flags=re.IGNORECASE)
    if text[:1] in _QUOTES and text[-1:] in _QUOTES:
        text = text.strip(_QUOTES).strip()
    low, high = _SYSTEM_WORDS
    if not low <= (count := len(text.split())) <= high:
        raise ValueError(f"it has {count} words, and 120 to 170 are wanted.")
    return text


def read_response(answer: Answer) -> Answer:
    """Return the answer without the space around it; one cut off by its length stays, and is marked."""
    if not answer.text.strip():
        raise ValueError("it is empty.")
    return Answer(answer.text.strip(), answer.finish_reason, answer.prompt_tokens, answer.completion_tokens)


read_rubric: Callable[[Answer], Rubric] = form_reader(Rubric)


@cache
def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """Return a form's JSON schema in the part of the language that strict endpoints take."""
    return {"title": form.__name__, **_strict(form.model_json_schema(by_alias=True))}


def _strict(node: Any) -> Any:
    """Close every object, require all of it, and drop what such endpoints refuse."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _strict(value) for key, value in node.items() if key not in ("minLength", "title", "description")}
    if isinstance(kept.get("properties"), dict):
        kept |= {"additionalProperties": False, "required": list(kept["properties"])}
    return kept
