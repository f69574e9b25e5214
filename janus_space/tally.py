"""What the votes say, counted in pairs of entries, before anything is fitted.

Only like is compared with like: two columns tell models apart where they had the same system message, and system
messages apart where they had the same model. The winner of a comparison beats each such column beside it; in a tie
each of two such columns has half a win.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple

from janus_space.votes import Vote, VotedColumn

NO_SYSTEM_MESSAGE = "No system message"

EntryKind = Literal["model", "system message"]


@dataclass(frozen=True)
class View:
    """Which votes count, and for what."""

    entry: EntryKind = "model"
    voter: str | None = None
    """One voter's own votes; None counts everyone's."""
    dimension: str | None = None
    """Only comparisons in which every column's system message was composed with a preference of this dimension."""
    only_blind: bool = True
    """Who sees a name judges the name, too."""


class Pair(NamedTuple):
    """A win of one entry over another in one vote; `weight` is 0.5 for a tie, which stands both ways round."""

    vote: int
    winner: str
    loser: str
    weight: float


@dataclass
class Record:
    """One entry's own count."""

    votes: set[int] = field(default_factory=set)
    played: float = 0.0
    won: float = 0.0


@dataclass
class Tally:
    """Pairs, and what is no pair. Entries go by key: a model's spec, or a system message's text (empty for none)."""

    pairs: list[Pair] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    both_bad: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, votes: Iterable[Vote], view: View) -> Tally:
        """Count the votes of this view."""
        tally = cls()
        for number, vote in enumerate(votes):
            if view.voter in (None, vote.voter) and _speaks_to(vote, view.dimension):
                tally._add(number, vote, view)
        return tally

    def records(self) -> dict[str, Record]:
        """Count for each entry in any pair."""
        found: dict[str, Record] = defaultdict(Record)
        for vote, winner, loser, weight in self.pairs:
            for entry, won in ((winner, weight), (loser, 0.0)):
                record = found[entry]
                record.votes.add(vote)
                record.played += weight
                record.won += won
        return dict(found)

    def among(self, entries: Iterable[str]) -> Tally:
        """Keep only the pairs between these entries."""
        kept = set(entries)
        pairs = [pair for pair in self.pairs if pair.winner in kept and pair.loser in kept]
        return Tally(pairs, self.names, self.both_bad, self.left_out)

    def _add(self, number: int, vote: Vote, view: View) -> None:
        if view.only_blind and not vote.was_blind:
            self.left_out["the models' names were in view"] += 1
            return
        entries = [_key(column, view.entry) for column in vote.columns]
        alike = [two for two in combinations(range(len(entries)), 2) if _is_like_for_like(vote, *two, view.entry)]
        met = {place for two in alike for place in two}
        self.names |= {entries[place]: _name(vote.columns[place], view.entry) for place in met}
        results = [result for two in alike for result in _results(vote, *two)]
        self.pairs += [Pair(number, entries[winner], entries[loser], weight) for winner, loser, weight in results]
        if vote.verdict == "both bad" and met:
            self.both_bad.update({entries[place] for place in met})
            self.left_out["every answer was bad"] += 1
        elif not results:
            self.left_out[f"no column differed from the winner's in the {view.entry} alone"] += 1


def _speaks_to(vote: Vote, dimension: str | None) -> bool:
    return dimension is None or all(dimension in column.preferences.values() for column in vote.columns)


def _is_like_for_like(vote: Vote, one: int, other: int, kind: EntryKind) -> bool:
    left, right = vote.columns[one], vote.columns[other]
    if kind == "model":
        return left.model != right.model and left.system == right.system
    return left.system != right.system and left.model == right.model


def _results(vote: Vote, one: int, other: int) -> Iterator[tuple[int, int, float]]:
    if vote.verdict == "tie":
        yield from ((one, other, 0.5), (other, one, 0.5))
    elif vote.verdict == one:
        yield one, other, 1.0
    elif vote.verdict == other:
        yield other, one, 1.0


def _key(column: VotedColumn, kind: EntryKind) -> str:
    return column.model if kind == "model" else column.system or ""


def _name(column: VotedColumn, kind: EntryKind) -> str:
    return column.name if kind == "model" else column.system or NO_SYSTEM_MESSAGE
