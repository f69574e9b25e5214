"""Compose a system message: pick preferences, check what was written by hand, ask a model to smooth it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data_gen import prompts
from data_gen.chat import Conversation
from data_gen.errors import BadRequest
from data_gen.hierarchy import Conflict, Hierarchy, Leaf
from data_gen.preferences import Dimension
from data_gen.recognition import Lexicon
from data_gen.system_message import MAX_PICKS, SystemMessage, write
from janus_space.home import Home

_BUILT_IN = Path(__file__).parents[1] / "assets" / "preferences.json"

# Measured on the public examples of the collection, and on all of Multifaceted Bench (arXiv:2405.17977).
TRAINED_WORDS = (125, 168)
TRAINED_CHARACTERS = (682, 1370)
_SHOWN_WORDS = 4

FindingKind = Literal["speaks_to", "silent_on", "length", "contradiction", "no_system_role", "form"]


class Finding(BaseModel):
    """One thing noticed in a system message, in a sentence for the person who wrote it."""

    model_config = ConfigDict(frozen=True)

    kind: FindingKind
    is_fine: bool
    text: str
    dimension: Dimension | None = None


class Picks(BaseModel):
    """The chosen preferences in the order of choosing: one a dimension, unless more are allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[str, ...] = Field((), max_length=MAX_PICKS)
    allow_more: bool = False

    @field_validator("ids")
    @classmethod
    def _no_doubles(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ids))

    def take(self, preference_id: str, hierarchy: Hierarchy) -> Picks:
        """Add a preference; where only one a dimension is wanted, it takes the place of the one before it."""
        (leaf,) = hierarchy.pick([preference_id])
        if preference_id in self.ids:
            return self
        if self.allow_more and len(self.ids) == MAX_PICKS:
            raise BadRequest(f"{MAX_PICKS} preferences are picked, the most that one message can hold; drop one first.")
        rivals = (
            () if self.allow_more else [one.id for one in self.leaves(hierarchy) if one.dimension == leaf.dimension]
        )
        return self._with(name for name in (*self.ids, preference_id) if name not in rivals)

    def drop(self, preference_id: str) -> Picks:
        """Take a preference back."""
        return self._with(name for name in self.ids if name != preference_id)

    def allowing_more(self, allow_more: bool, hierarchy: Hierarchy) -> Picks:
        """Switch between one a dimension and several; going back to one keeps the earliest of each dimension."""
        first = {leaf.dimension: leaf.id for leaf in reversed(self.leaves(hierarchy))}
        kept = self.ids if allow_more else [name for name in self.ids if name in first.values()]
        return Picks(ids=tuple(kept), allow_more=allow_more)

    def leaves(self, hierarchy: Hierarchy) -> list[Leaf]:
        return hierarchy.pick(self.ids)

    def contradictions(self, hierarchy: Hierarchy) -> list[Conflict]:
        return hierarchy.conflicts(self.ids)

    def system_message(self, hierarchy: Hierarchy, seed: int = 0, leave_out: str | None = None) -> SystemMessage:
        """Write the message of these picks; `leave_out` takes the words of one of them out again."""
        return write(self.leaves(hierarchy), seed, leave_out)

    def _with(self, ids: Iterable[str]) -> Picks:
        return Picks(ids=tuple(ids), allow_more=self.allow_more)


def load_hierarchy(own_files: Iterable[Path] = ()) -> Hierarchy:
    """Load the built-in hierarchy, grown by the user's own files; raise `BadRequest` with file and place."""
    return Hierarchy.load([_BUILT_IN, *sorted(own_files)])


def own_hierarchy(home: Home) -> tuple[Hierarchy, str]:
    """Load the hierarchy with the user's own files, or without them and with a sentence that says why."""
    try:
        return load_hierarchy(home.hierarchies.glob("*.json")), ""
    except BadRequest as error:
        return load_hierarchy(), f"Your own preference files were left out: {error}"


def rewrite_prompt(text: str) -> Conversation:
    """Ask a model to write a system message more smoothly, without changing any preference in it."""
    if not text.strip():
        raise BadRequest("There is nothing to rewrite yet; pick a preference or write a sentence first.")
    return Conversation.ask(prompts.fill("smooth", text=text.strip()))


# What chatty models say before and after a text that they were asked for, and what they put it into.
_PREFACE = re.compile(
    r"\A\W{0,3}(?:sure|certainly|of course|okay|ok|absolutely|here(?:['’]s| is| you go)|below is"
    r"|(?:the )?(?:rewritten|revised|smoother)|system message)\b[^\n:]{0,160}:\W{0,2}(?=\s|\Z)\s*",
    re.IGNORECASE,
)
_AFTERWORD = re.compile(
    r"\n\s*\n\W{0,2}(?:i hope|i've|i have|let me know|feel free|note|this version|this rewrite)\b.*\Z",
    re.IGNORECASE | re.DOTALL,
)
_FENCE = re.compile(r"\A`{3,}\w*\s*\n(.*)\n\s*`{3,}\Z", re.DOTALL)
_WRAPPINGS = (("=" * 10, "=" * 10), ('"', '"'), ("“", "”"), ("‘", "’"), ("«", "»"), ("**", "**"))


def read_rewrite(answer: str) -> str:
    """Take the rewritten message out of what a model said; raise `BadRequest` if there is none."""
    text, before = answer, ""
    while text != before:
        before = text
        text = _FENCE.sub(r"\1", _AFTERWORD.sub("", _PREFACE.sub("", text.strip())).strip())
        for start, end in _WRAPPINGS:
            if len(text) > len(start + end) and text.startswith(start) and text.endswith(end):
                text = text[len(start) : -len(end)]
    if not re.search(r"\w", text):
        raise BadRequest("The model gave no message back; try again, or choose another model.")
    return text


def check(text: str, hierarchy: Hierarchy, takes_system: bool) -> list[Finding]:
    """Look over a system message written by hand. What it speaks to is guessed from its words alone."""
    if not text.strip():
        return [Finding(kind="form", is_fine=False, text="Nothing is written yet, so the model answers as it likes.")]
    return [
        *_dimensions(text, hierarchy),
        *_contradictions(text, hierarchy),
        _length(text),
        *_form(text),
        *_system_role(takes_system),
    ]


@lru_cache(maxsize=4)
def _lexicon(hierarchy: Hierarchy) -> Lexicon:
    return Lexicon(hierarchy)


def _dimensions(text: str, hierarchy: Hierarchy) -> Iterator[Finding]:
    words = _lexicon(hierarchy).dimensions(text)
    near = hierarchy.pick(_lexicon(hierarchy).preferences(text))
    for branch in hierarchy.dimensions:
        preferences = [leaf.preference for leaf in near if leaf.dimension == branch.id]
        told = f"Close to {_quoted(preferences)}." if preferences else f"It says {_quoted(words[branch.id])}."
        is_fine = bool(preferences or words[branch.id])
        yield Finding(
            kind="speaks_to" if is_fine else "silent_on",
            is_fine=is_fine,
            text=f"{branch.question} {told if is_fine else 'Nothing in it that we recognise.'}",
            dimension=branch.id,
        )


def _contradictions(text: str, hierarchy: Hierarchy) -> Iterator[Finding]:
    for first, second, note in hierarchy.conflicts(_lexicon(hierarchy).preferences(text)):
        pair = [leaf.preference for leaf in hierarchy.pick([first, second])]
        yield Finding(kind="contradiction", is_fine=False, text=f"{_quoted(pair)} may contradict each other: {note}")


def _length(text: str) -> Finding:
    words, characters = len(text.split()), len(text.strip())
    usual = f"{TRAINED_WORDS[0]} to {TRAINED_WORDS[1]} words"
    is_usual = TRAINED_WORDS[0] <= words <= TRAINED_WORDS[1]
    is_plausible = TRAINED_CHARACTERS[0] <= characters <= TRAINED_CHARACTERS[1]
    if is_usual and is_plausible:
        return Finding(
            kind="length", is_fine=True, text=f"{words} words: as long as the messages Janus was trained on."
        )
    distance = "close to" if is_plausible else "shorter than" if characters < TRAINED_CHARACTERS[0] else "longer than"
    return Finding(
        kind="length",
        is_fine=is_plausible,
        text=f"{words} words: {distance} what Janus was trained on; its public examples have {usual}.",
    )


_FORM = (
    (
        r"^\s*(?:[-*•]|\d{1,2}[.)])\s",
        "It holds a list; the messages Janus was trained on are running prose.",
    ),
    (
        r"\S\s*\n\s*\n\s*\S",
        "It has several paragraphs; the messages Janus was trained on are a single one.",
    ),
    (
        r"\{[^{}\n]*\}|\[(?:insert|your|name)\b[^\]\n]*\]|_{3,}",
        "A blank is left in it; fill it in, for the model reads it as it stands.",
    ),
    (
        r"\b(?:background[ _]knowledge|informativeness|harmlessness)\b",
        "It names a dimension; say instead what you want in that respect.",
    ),
)
_ROLE_FIRST = re.compile(
    r"\W*(?:you(?:'re| are| serve| act| work|r (?:role|place))|(?:act|serve|work) as|as an?|in your role)\b",
    re.IGNORECASE,
)


def _form(text: str) -> Iterator[Finding]:
    for pattern, remark in _FORM:
        if re.search(pattern, text, re.MULTILINE | re.IGNORECASE):
            yield Finding(kind="form", is_fine=False, text=remark)
    if not re.search(r"\byou(?:r|rself)?\b", text, re.IGNORECASE):
        yield Finding(kind="form", is_fine=False, text="It never says “you”; the assistant is best addressed directly.")
    elif not _ROLE_FIRST.match(text.replace("’", "'")):
        yield Finding(kind="form", is_fine=False, text="It does not open with a role, such as “You are …” or “As a …”.")


def _system_role(takes_system: bool) -> Iterator[Finding]:
    if not takes_system:
        yield Finding(
            kind="no_system_role",
            is_fine=False,
            text="This model has no place for a system message: it is put in front of the first question instead.",
        )


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words[:_SHOWN_WORDS])
