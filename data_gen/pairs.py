"""Preference pairs from votes: what one person preferred becomes something to train on.

A pair says "for this system message and this prompt, rather this answer than that one". So it can only be made of two
columns that had the same system message and the same conversation. Where the columns' system messages differed, the
vote says which *message* was liked better; trained on as a pair it would teach the model to disobey the other one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_gen.chat import Message
from data_gen.errors import BadRequest

MAIN_SOURCE = "janus-space-votes"
ORIGINAL_SOURCE = "janus-space"

LeftOut = Literal[
    "tie: no answer was preferred",
    "every answer was bad: none was preferred",
    "several turns: each column had gone its own way before",
    "different system messages: the vote is about the message, not about following it",
    "equal answers: there is nothing to prefer",
]


class PreferencePair(BaseModel):
    """One row: the columns of the paper's preference data (arXiv:2405.17977), and three that tell where it is from."""

    model_config = ConfigDict(frozen=True)

    main_source: str = MAIN_SOURCE
    original_source: str = ORIGINAL_SOURCE
    system: str | None
    prompt: str
    chosen: tuple[Message, Message]
    rejected: tuple[Message, Message]
    vote: str
    chosen_model: str
    rejected_model: str


class VotePairs(NamedTuple):
    """The pairs, and what is left out: pairs of answers, each under its reason; a vote without a winner counts once."""

    pairs: list[PreferencePair]
    left_out: dict[LeftOut, int]


class _Column(BaseModel):
    model: str
    system: str | None = None
    answer: str


class _Vote(BaseModel):
    """The part of a vote that makes pairs."""

    id: str
    prompt: str
    earlier: tuple[Any, ...] = ()
    columns: tuple[_Column, ...] = Field(min_length=2)
    verdict: int | Literal["tie", "both bad"]


def pairs_from_votes(votes: Iterable[Mapping[str, Any]]) -> VotePairs:
    """Pair each winning answer with those it beat under the same system message.

    Votes are records like the lines of votes.jsonl: {id, prompt, earlier: [turns before], columns: [{model, system,
    answer}], verdict: index of the winner | "tie" | "both bad"}.

    Raises:
        BadRequest: a record is not a vote; the sentence names its number and field
    """
    pairs: list[PreferencePair] = []
    left_out: Counter[LeftOut] = Counter()
    for number, record in enumerate(votes, 1):
        for found in _pairs(_vote(number, record)):
            if isinstance(found, PreferencePair):
                pairs.append(found)
            else:
                left_out[found] += 1
    return VotePairs(pairs, dict(left_out))


def _vote(number: int, record: Mapping[str, Any]) -> _Vote:
    try:
        vote = _Vote.model_validate(record)
        if isinstance(vote.verdict, int) and not 0 <= vote.verdict < len(vote.columns):
            raise BadRequest(f"Vote {number} says that column {vote.verdict} won; it has {len(vote.columns)} columns.")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadRequest(f"Vote {number} cannot be read: {place}: {first['msg']}.") from error
    return vote


def _pairs(vote: _Vote) -> Iterator[PreferencePair | LeftOut]:
    if vote.verdict == "tie":
        yield "tie: no answer was preferred"
        return
    if vote.verdict == "both bad":
        yield "every answer was bad: none was preferred"
        return
    winner = vote.columns[vote.verdict]
    for index, loser in enumerate(vote.columns):
        if index != vote.verdict:
            yield _why_not(vote, winner, loser) or _pair(vote, winner, loser)


def _why_not(vote: _Vote, winner: _Column, loser: _Column) -> LeftOut | None:
    if winner.system != loser.system:
        return "different system messages: the vote is about the message, not about following it"
    if vote.earlier:
        return "several turns: each column had gone its own way before"
    if winner.answer.strip() == loser.answer.strip():
        return "equal answers: there is nothing to prefer"
    return None


def _pair(vote: _Vote, winner: _Column, loser: _Column) -> PreferencePair:
    asked = Message(role="user", content=vote.prompt)
    return PreferencePair(
        system=winner.system,
        prompt=vote.prompt,
        chosen=(asked, Message(role="assistant", content=winner.answer)),
        rejected=(asked, Message(role="assistant", content=loser.answer)),
        vote=vote.id,
        chosen_model=winner.model,
        rejected_model=loser.model,
    )
