"""The leaderboard: votes become scores with intervals, for models or for system messages.

How often the intervals hold the truth is measured in tests/proof/leaderboard_coverage.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from janus_space import bradley_terry
from janus_space.bradley_terry import Floats
from janus_space.tally import Pair, Record, Tally, View
from janus_space.votes import Vote

MIN_VOTES = 10
MAX_ENTRIES = 50
ROUNDS = 1000
MEAN_POINTS = 1000.0
POINTS_PER_STRENGTH = 400 / np.log(10)  # the Elo scale: 400 points are odds of ten to one


@dataclass(frozen=True)
class Standing:
    """One entry. Score, interval and place are None below `MIN_VOTES`; `note` says so, and what else limits them."""

    entry: str
    """Model spec, or text of the system message; empty for none."""
    name: str
    n_votes: int
    """Votes with a winner or a tie in which it stood beside another entry."""
    won_share: float
    """Of the entries it stood beside, the share it beat; a tie is half."""
    n_both_bad: int
    """Votes that found every answer bad; they move no score."""
    group: int
    """Scores compare within a group only: entries of different groups never met, not even by way of others."""
    score: float | None = None
    low: float | None = None
    high: float | None = None
    place: int | None = None
    """1 + the entries of its group whose whole interval lies above its own."""
    note: str | None = None


@dataclass(frozen=True)
class Leaderboard:
    """Standings, group by group, the largest first; in each, best first and unscored ones last."""

    view: View
    standings: tuple[Standing, ...]
    n_votes: int
    left_out: dict[str, int]
    """Why other votes of this voter and dimension are not in the scores, and how many."""
    n_unlisted: int
    """Entries beyond the `MAX_ENTRIES` with the most votes; they count for nobody's score."""


class _Points(NamedTuple):
    score: float
    low: float
    high: float


_DEFAULT_VIEW = View()


def leaderboard(votes: Iterable[Vote], view: View = _DEFAULT_VIEW, rounds: int = ROUNDS, seed: int = 0) -> Leaderboard:
    """Score entries by Bradley-Terry, with 95% intervals from a bootstrap over votes. A group's mean score is 1000."""
    tally = Tally.of(votes, view)
    records = tally.records()
    met = sorted(tally.names, key=lambda entry: (-len(records.get(entry, Record()).votes), tally.names[entry], entry))
    listed = met[:MAX_ENTRIES]
    tally = tally.among(listed)
    points = _points(tally.pairs, listed, rounds, seed)
    records = tally.records()
    groups = _groups(tally.pairs, listed)
    standings = {entry: _standing(entry, tally, records.get(entry, Record()), points.get(entry)) for entry in listed}
    return Leaderboard(
        view=view,
        standings=tuple(
            placed
            for number, group in enumerate(groups)
            for placed in _placed([replace(standings[entry], group=number) for entry in group])
        ),
        n_votes=len({pair.vote for pair in tally.pairs}),
        left_out=dict(tally.left_out),
        n_unlisted=len(met) - len(listed),
    )


def _points(pairs: Sequence[Pair], entries: Sequence[str], rounds: int, seed: int) -> dict[str, _Points]:
    if not pairs:
        return {}
    index = {entry: place for place, entry in enumerate(entries)}
    vote = np.unique([pair.vote for pair in pairs], return_inverse=True)[1]
    winner = np.array([index[pair.winner] for pair in pairs])
    loser = np.array([index[pair.loser] for pair in pairs])
    weight = np.array([pair.weight for pair in pairs])
    wins = np.zeros((len(entries), len(entries)))
    np.add.at(wins, (winner, loser), weight)
    fitted = bradley_terry.strengths(wins)
    redrawn = bradley_terry.bootstrap(vote, winner, loser, weight, len(entries), rounds, seed)
    low, high = np.quantile(redrawn, (0.025, 0.975), axis=0)
    columns = zip(*(_on_scale(strength) for strength in (fitted, low, high)), strict=True)
    return dict(zip(entries, map(_Points._make, columns), strict=True))


def _on_scale(strength: Floats) -> list[float]:
    return [float(points) for points in MEAN_POINTS + POINTS_PER_STRENGTH * strength]


def _standing(entry: str, tally: Tally, record: Record, points: _Points | None) -> Standing:
    standing = Standing(
        entry=entry,
        name=tally.names[entry],
        n_votes=len(record.votes),
        won_share=record.won / record.played if record.played else 0.0,
        n_both_bad=tally.both_bad[entry],
        group=0,
    )
    if points is None or standing.n_votes < MIN_VOTES:
        return replace(standing, note=f"Not enough votes: {standing.n_votes} of {MIN_VOTES}.")
    note = None
    if record.won == record.played:
        note = "It won every time: it may be better than score and interval can tell."
    elif record.won == 0:
        note = "It lost every time: it may be worse than score and interval can tell."
    return replace(standing, score=points.score, low=points.low, high=points.high, note=note)


def _groups(pairs: Iterable[Pair], entries: Sequence[str]) -> list[list[str]]:
    """Split the entries, given by falling number of votes, into those that are linked by pairs."""
    group_of = {entry: [entry] for entry in entries}
    for _, winner, loser, _ in pairs:
        one, other = group_of[winner], group_of[loser]
        if one is not other:
            one += other
            group_of |= dict.fromkeys(other, one)
    groups = list({id(group): group for group in group_of.values()}.values())
    return sorted(groups, key=len, reverse=True)


def _placed(group: Sequence[Standing]) -> list[Standing]:
    intervals = [(standing.low, standing.high) for standing in group]
    placed = [
        replace(standing, place=1 + sum(low is not None and low > standing.high for low, _ in intervals))
        if standing.high is not None
        else standing
        for standing in group
    ]
    # A wide interval may earn a place it shares with better scores, so the score decides within a place.
    return sorted(placed, key=lambda one: (one.place is None, one.place, -(one.score or 0), -one.n_votes, one.name))
