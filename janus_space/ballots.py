"""Ballots: who stands behind which column is known here, on the server, and nowhere else until the vote is cast."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pydantic import ValidationError

from janus_space.comparison import Comparison, Turn
from janus_space.errors import VoteRefused
from janus_space.votes import Verdict, Vote, VoteBox, VotedColumn

CAPACITY = 2_000
LIFETIME_SECONDS = 2 * 3600.0

_GONE = "This comparison cannot be voted on any more; run it again to vote."


class Identity(NamedTuple):
    """Who stands behind a column; `asked` is the column's place in the comparison as the visitor set it up."""

    model: str
    name: str
    asked: int


@dataclass(frozen=True, repr=False)
class Ballot:
    """One comparison as shown to one voter. Of a blind one, only `id` may reach the browser before the vote.

    Run `shown`, not the comparison it was made from: its columns, and the earlier answers in it, stand in the
    order of `order`, where `order[position]` is the column's place as the visitor set it up.
    """

    id: str
    voter: str
    shown: Comparison
    order: tuple[int, ...]
    names: tuple[str, ...]
    preferences: tuple[Mapping[str, str], ...]
    is_blind: bool

    @classmethod
    def shuffled(
        cls,
        comparison: Comparison,
        voter: str,
        names: Sequence[str] = (),
        preferences: Sequence[Mapping[str, str]] = (),
        seed: int | None = None,
    ) -> Ballot:
        """Hide the columns behind a random order. A seed is for tests: whoever knows it knows the order."""
        order = list(range(len(comparison.columns)))
        (random.Random(seed) if seed is not None else secrets.SystemRandom()).shuffle(order)
        return cls._in_order(tuple(order), comparison, voter, names, preferences, is_blind=True)

    @classmethod
    def in_the_open(
        cls,
        comparison: Comparison,
        voter: str,
        names: Sequence[str] = (),
        preferences: Sequence[Mapping[str, str]] = (),
    ) -> Ballot:
        """Show the columns as they stand, names and all."""
        order = tuple(range(len(comparison.columns)))
        return cls._in_order(order, comparison, voter, names, preferences, is_blind=False)

    def identities(self) -> tuple[Identity, ...]:
        """Tell who stands behind each shown column. For the page, ask `Ballots.reveal`, which knows when it may."""
        models = [column.model for column in self.shown.columns]
        return tuple(map(Identity, models, self.names, self.order))

    def vote(self, verdict: Verdict, answers: Sequence[str | None]) -> Vote:
        """Fill in the ballot: each shown column's answer, and who won. Raise `VoteRefused` if it is incomplete."""
        columns = self.shown.columns
        if len(columns) < 2:
            raise VoteRefused("There is nothing to choose between: compare at least two columns to vote.")
        given = [answer or "" for answer in answers]
        if len(given) != len(columns) or not all(answer.strip() for answer in given):
            raise VoteRefused(
                "A column has no answer to judge; vote when every column has answered, or retry it first."
            )
        try:
            return Vote(
                comparison=self.id,
                voter=self.voter,
                was_blind=self.is_blind,
                verdict=verdict,
                prompt=self.shown.turns[-1].prompt,
                earlier=self.shown.turns[:-1],
                columns=tuple(
                    VotedColumn(
                        model=column.model, name=name, system=column.system, preferences=dict(picked), answer=answer
                    )
                    for column, name, picked, answer in zip(columns, self.names, self.preferences, given, strict=True)
                ),
                sampling=self.shown.sampling,
            )
        except ValidationError as error:
            raise VoteRefused(f"{verdict!r} is no verdict: give a column from 0 on, 'tie' or 'both bad'.") from error

    @classmethod
    def _in_order(
        cls,
        order: tuple[int, ...],
        comparison: Comparison,
        voter: str,
        names: Sequence[str],
        preferences: Sequence[Mapping[str, str]],
        is_blind: bool,
    ) -> Ballot:
        columns = [comparison.columns[place] for place in order]
        return cls(
            id=secrets.token_hex(16),
            voter=voter,
            shown=comparison.model_copy(
                update={"columns": tuple(columns), "turns": tuple(_reordered(turn, order) for turn in comparison.turns)}
            ),
            order=order,
            names=tuple(names[place] for place in order) if names else tuple(column.model for column in columns),
            preferences=tuple(preferences[place] for place in order) if preferences else tuple({} for _ in order),
            is_blind=is_blind,
        )


@dataclass
class _Issued:
    ballot: Ballot
    expires_at: float
    is_voted: bool = False


class Ballots:
    """The ballots that are out, for one process: the oldest are forgotten when there are too many or time is up.

    A ballot answers to its voter alone; to anybody else it does not exist.
    """

    def __init__(
        self,
        box: VoteBox,
        capacity: int = CAPACITY,
        lifetime_seconds: float = LIFETIME_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._box = box
        self._capacity = capacity
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._issued: OrderedDict[str, _Issued] = OrderedDict()
        self._lock = threading.Lock()

    def issue(self, ballot: Ballot) -> Ballot:
        """Remember a ballot until it is too old."""
        with self._lock:
            self._issued[ballot.id] = _Issued(ballot, self._clock() + self._lifetime_seconds)
            self._forget_old()
        return ballot

    def follow_up(self, ballot_id: str, voter: str, shown: Comparison) -> Ballot:
        """Replace a ballot by one for the next turn of what it showed: same columns, same places.

        After the vote the columns are known, so the next turn is no longer blind.
        """
        issued = self._find(ballot_id, voter)
        before = issued.ballot
        if shown.columns != before.shown.columns:
            raise VoteRefused("A column was changed; start a new comparison to vote on it.")
        is_blind = before.is_blind and not issued.is_voted
        after = replace(before, id=secrets.token_hex(16), shown=shown, is_blind=is_blind)
        with self._lock:
            self._issued.pop(ballot_id, None)
        return self.issue(after)

    def vote(self, ballot_id: str, voter: str, verdict: Verdict, answers: Sequence[str | None]) -> Vote:
        """Cast the vote, and lock the ballot once it is on the disk. The vote names who stood behind the columns.

        Raises:
            VoteRefused: it was voted on, is forgotten or another's, or a column has no answer
            StorageFailed: the disk did not take it; the ballot stays open
        """
        issued = self._find(ballot_id, voter)
        vote = issued.ballot.vote(verdict, answers)
        # The box refuses the second of two votes, so two clicks at once need no lock here.
        self._box.cast(vote)
        issued.is_voted = True
        return vote

    def reveal(self, ballot_id: str, voter: str) -> tuple[Identity, ...]:
        """Tell who stands behind each shown column; of a blind ballot, only after the vote."""
        issued = self._find(ballot_id, voter)
        if issued.ballot.is_blind and not issued.is_voted:
            raise VoteRefused("The models' names are shown after the vote.")
        return issued.ballot.identities()

    def _find(self, ballot_id: str, voter: str) -> _Issued:
        with self._lock:
            self._forget_old()
            issued = self._issued.get(ballot_id)
        if issued is None or not secrets.compare_digest(issued.ballot.voter.encode(), voter.encode()):
            raise VoteRefused(_GONE)
        return issued

    def _forget_old(self) -> None:
        now = self._clock()
        while self._issued:
            oldest = next(iter(self._issued.values()))
            if len(self._issued) <= self._capacity and oldest.expires_at > now:
                return
            self._issued.popitem(last=False)


def _reordered(turn: Turn, order: tuple[int, ...]) -> Turn:
    # A turn may hold fewer answers than there are columns; what is missing is no answer.
    answers = [turn.answers[place] if place < len(turn.answers) else None for place in order] if turn.answers else ()
    return turn.model_copy(update={"answers": tuple(answers)})
