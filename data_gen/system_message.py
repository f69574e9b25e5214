"""Preferences → system message, without any language model: one paragraph of about five sentences.

Every choice (order, frames, clauses) is drawn from one seed, and drawn again until the length fits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from data_gen.errors import BadRequest
from data_gen.frames import (
    AIM_JOINT,
    CLOSINGS,
    FRAMES,
    NEUTRAL_AIM,
    NEUTRAL_ROLES,
    NEUTRAL_SENTENCES,
    NEUTRAL_WISHES,
    OPENINGS,
    Frame,
)
from data_gen.hierarchy import Leaf
from data_gen.preferences import Dimension

MIN_WORDS, MAX_WORDS = 120, 170
MAX_SENTENCE_WORDS = 45
MAX_PICKS = 8
_SENTENCES = 5
_DRAWS_WITHOUT_PADDING, _MAX_DRAWS = 100, 1_000

# The orders in which the dimensions follow one another well.
_ORDERS: tuple[tuple[Dimension, ...], ...] = (
    ("style", "background_knowledge", "informativeness", "harmlessness"),
    ("style", "informativeness", "background_knowledge", "harmlessness"),
    ("background_knowledge", "style", "informativeness", "harmlessness"),
    ("background_knowledge", "informativeness", "style", "harmlessness"),
    ("informativeness", "background_knowledge", "style", "harmlessness"),
)

# For so many picks: how many go into the opening sentence, and how many into each that follows.
_LAYOUTS: dict[int, tuple[int, tuple[int, ...]]] = {
    1: (0, (1,)),
    2: (0, (1, 1)),
    3: (1, (1, 1)),
    4: (1, (1, 1, 1)),
    5: (1, (1, 1, 2)),
    6: (1, (1, 2, 2)),
    7: (1, (2, 2, 2)),
    8: (2, (2, 2, 2)),
}


class Span(BaseModel):
    """Where words of one preference stand in the text."""

    model_config = ConfigDict(frozen=True)

    preference_id: str
    start: int
    end: int


class SystemMessage(BaseModel):
    """How an assistant should behave, and which words say which preference."""

    model_config = ConfigDict(frozen=True)

    text: str
    spans: tuple[Span, ...] = ()


class _Piece(NamedTuple):
    text: str
    preference_id: str | None = None


_Sentence = list[_Piece]


@dataclass(frozen=True)
class _Plan:
    """All that was drawn. What is neutral stands in where the only preference of a place is left out."""

    opening: Frame
    role: _Piece
    audience: _Piece | None
    first_wishes: tuple[_Piece, ...]
    body: tuple[tuple[Frame, tuple[_Piece, ...]], ...]
    neutral: tuple[str, ...]
    closing: str
    aims: tuple[_Piece, ...]
    neutral_role: _Piece
    neutral_wish: _Piece


def write(picks: Sequence[Leaf], seed: int = 0, leave_out: str | None = None) -> SystemMessage:
    """Write the system message of 1 to 8 preferences; the same picks and seed always give the same text.

    `leave_out` names a preference whose words are taken out again; all other words stay as they were.
    """
    if not 1 <= len(picks) <= MAX_PICKS:
        raise BadRequest(f"A system message is written from 1 to {MAX_PICKS} preferences; {len(picks)} are picked.")
    rng = random.Random(f"{seed}:{' '.join(sorted(leaf.id for leaf in picks))}")
    for attempt in range(_MAX_DRAWS):
        plan = _draw(picks, rng, may_pad=attempt > _DRAWS_WITHOUT_PADDING)
        whole = _render(plan, None)
        if _fits(whole):
            return _assemble(_render(plan, leave_out) if leave_out else whole)
    raise BadRequest(
        f"These preferences do not fit into {MIN_WORDS} to {MAX_WORDS} words; pick fewer, or shorten your own wording."
    )


def recover(text: str, leaves: Sequence[Leaf]) -> tuple[Span, ...]:
    """Find the words of preferences again in a text that may have been edited since it was written."""
    found = []
    for leaf in leaves:
        phrases = [*leaf.full, *leaf.brief, leaf.aim, *filter(None, (leaf.role, leaf.audience))]
        for phrase in phrases:
            found += [(*match.span(), leaf.id) for match in _whole_words(phrase).finditer(text)]
    return tuple(Span(preference_id=name, start=start, end=end) for start, end, name in sorted(found))


@lru_cache(maxsize=8192)
def _whole_words(phrase: str) -> re.Pattern[str]:
    """Compile once: there are more phrases in a hierarchy than `re` itself remembers."""
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)", re.IGNORECASE)


def _draw(picks: Sequence[Leaf], rng: random.Random, may_pad: bool) -> _Plan:
    order = rng.choice(_ORDERS)
    leaves = sorted(picks, key=lambda leaf: order.index(leaf.dimension))
    in_opening, sizes = _LAYOUTS[len(leaves)]
    groups = [leaves[:in_opening], *_split(leaves[in_opening:], rng.sample(sizes, len(sizes)))]
    neutral_role, neutral_wish = _Piece(rng.choice(NEUTRAL_ROLES)), _Piece(rng.choice(NEUTRAL_WISHES))
    neutral = rng.sample(NEUTRAL_SENTENCES, _SENTENCES - 2 - len(sizes) + (may_pad and rng.random() < 0.5))
    aims = rng.sample(leaves, min(2, len(leaves)))
    first_wishes = _wishes(groups[0], rng) or (neutral_wish,)
    return _Plan(
        opening=rng.choice(_without_echo(OPENINGS, first_wishes)),
        role=next((_Piece(leaf.role, leaf.id) for leaf in leaves if leaf.role), neutral_role),
        audience=next((_Piece(leaf.audience, leaf.id) for leaf in leaves if leaf.audience), None),
        first_wishes=first_wishes,
        body=tuple(_framed(groups[1:], rng, may_link=in_opening > 0)),
        neutral=tuple(sorted(neutral, key=NEUTRAL_SENTENCES.index)),
        closing=rng.choice(CLOSINGS),
        aims=tuple(_Piece(leaf.aim, leaf.id) for leaf in sorted(aims, key=leaves.index)),
        neutral_role=neutral_role,
        neutral_wish=neutral_wish,
    )


def _split(leaves: Sequence[Leaf], sizes: Sequence[int]) -> Iterator[Sequence[Leaf]]:
    start = 0
    for size in sizes:
        yield leaves[start : start + size]
        start += size


def _wishes(group: Sequence[Leaf], rng: random.Random) -> tuple[_Piece, ...]:
    """Word what a sentence asks for: at length where it has the sentence to itself."""
    return tuple(_Piece(rng.choice(leaf.full if len(group) == 1 else leaf.brief), leaf.id) for leaf in group)


def _framed(
    groups: Sequence[Sequence[Leaf]], rng: random.Random, may_link: bool
) -> Iterator[tuple[Frame, tuple[_Piece, ...]]]:
    """Give each group a frame of its first preference's dimension, no frame twice."""
    used: set[Frame] = set()
    for group in groups:
        wishes = _wishes(group, rng)
        frames = [one for one in FRAMES[group[0].dimension] if one not in used and (may_link or not one.is_link)]
        frame = rng.choice(_without_echo(frames, wishes))
        used.add(frame)
        may_link = True
        yield frame, wishes


def _without_echo(frames: Sequence[Frame], wishes: Sequence[_Piece]) -> Sequence[Frame]:
    """Keep the frames that do not hold the wish's own verb: no "When you write, write …"."""
    verbs = tuple(wish.text.split()[0][:5] for wish in wishes)
    return [one for one in frames if not any(word.startswith(verbs) for word in one.text.lower().split())] or frames


def _render(plan: _Plan, leave_out: str | None) -> list[_Sentence]:
    def kept(*pieces: _Piece) -> list[_Piece]:
        return [piece for piece in pieces if leave_out is None or piece.preference_id != leave_out]

    audience = kept(plan.audience) if plan.audience else []
    opening = _fill(
        plan.opening,
        role=kept(plan.role) or [plan.neutral_role],
        audience=[_Piece(" for "), *audience] if audience else [],
        wishes=_joined(kept(*plan.first_wishes) or [plan.neutral_wish], plan.opening.joint),
    )
    body = [_fill(frame, wishes=_joined(wishes, frame.joint)) for frame, group in plan.body if (wishes := kept(*group))]
    closing = _fill(Frame(plan.closing), aims=_joined(kept(*plan.aims) or [_Piece(NEUTRAL_AIM)], AIM_JOINT))
    return [opening, *body, *([_Piece(text)] for text in plan.neutral), closing]


def _joined(pieces: Sequence[_Piece], joint: str) -> list[_Piece]:
    if joint == ", and " and any(" and " in piece.text for piece in pieces):
        joint = "; "  # two bare "and" in a row leave open what belongs together
    return [part for piece in pieces for part in (_Piece(joint), piece)][1:]


def _fill(frame: Frame, **slots: list[_Piece]) -> _Sentence:
    parts = re.split(r"\{(\w+)\}", frame.text)
    return [
        piece
        for place, part in enumerate(parts)
        for piece in (slots[part] if place % 2 else [_Piece(part)])
        if piece.text
    ]


def _fits(sentences: Sequence[_Sentence]) -> bool:
    lengths = [len("".join(piece.text for piece in sentence).split()) for sentence in sentences]
    return MIN_WORDS <= sum(lengths) <= MAX_WORDS and max(lengths) <= MAX_SENTENCE_WORDS


def _assemble(sentences: Sequence[_Sentence]) -> SystemMessage:
    text, spans = "", []
    for sentence in sentences:
        text += " " if text else ""
        for place, piece in enumerate(sentence):
            start = len(text)
            text += piece.text if place else piece.text[0].upper() + piece.text[1:]
            if piece.preference_id:
                spans.append(Span(preference_id=piece.preference_id, start=start, end=len(text)))
    return SystemMessage(text=text, spans=tuple(spans))
