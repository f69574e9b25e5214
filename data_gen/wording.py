"""The wording of a preference: clauses that fit every frame of a system message, whatever else is picked."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"

# What a clause may not begin with: "You be", "Take care to never" and "You do not" would not read well in every frame.
_UNFIT_START = re.compile(r"(be|never|not|do not|don't|always|also|to|you|please)\b")


def _words_between(low: int, high: int) -> AfterValidator:
    def check(text: str) -> str:
        if text != " ".join(text.split()) or re.search(r'[.;:!?{}"“”]', text):
            raise ValueError("may hold words and commas only, with single spaces")
        if not low <= (count := len(text.split())) <= high:
            raise ValueError(f"has {count} words, and {low} to {high} are needed")
        return text

    return AfterValidator(check)


def _starts_with_a_verb(text: str) -> str:
    if not text[0].islower() or _UNFIT_START.match(text):
        raise ValueError(
            "must begin with a plain verb in lower case, as in 'use short words', so that 'you' fits before it"
        )
    return text


def _starts_with_an_article(text: str) -> str:
    if not re.match(r"an? [a-z]", text):
        raise ValueError("must begin with 'a' or 'an', as in 'a patient guide'")
    return text


Verb = AfterValidator(_starts_with_a_verb)
FullClause = Annotated[str, _words_between(21, 28), Verb]
BriefClause = Annotated[str, _words_between(8, 13), Verb]
Aim = Annotated[str, _words_between(4, 10), Verb]
Role = Annotated[str, _words_between(2, 7), AfterValidator(_starts_with_an_article)]
Audience = Annotated[str, _words_between(1, 8)]
Slug = Annotated[str, Field(pattern=SLUG, max_length=60)]


class Entry(BaseModel):
    """One preference as a file holds it: what it is, and the wording from which a system message is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    preference: str = Field(min_length=1, max_length=80)
    description: str = Field(min_length=1, max_length=600)
    full: tuple[FullClause, ...] = Field(min_length=1, description="What 'you' do, at length")
    brief: tuple[BriefClause, ...] = Field(min_length=1, description="The same in a few words")
    aim: Aim = Field(description="What all this is for: 'Your mission is to …'")
    role: Role | None = Field(None, description="Who does this: 'You are …'")
    audience: Audience | None = Field(None, description="For whom: 'You are a guide for …'")
