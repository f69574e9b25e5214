from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import choix
import numpy as np
import pytest

from janus_space.bradley_terry import PRIOR_SD
from janus_space.leaderboard import MAX_ENTRIES, MIN_VOTES, POINTS_PER_STRENGTH, Leaderboard, Standing, leaderboard
from janus_space.tally import View
from janus_space.votes import Vote
from tests.janus_space.sample_votes import make_vote, votes_drawn

TRUE = (1.2, 0.5, 0.0, -0.4, -1.3)
TRUE_POINTS = {f"m{model}": 1000 + POINTS_PER_STRENGTH * strength for model, strength in enumerate(TRUE)}
PROOF = Path(__file__).parents[1] / "proof" / "leaderboard_coverage.md"


def by_entry(board: Leaderboard) -> dict[str, Standing]:
    return {standing.entry: standing for standing in board.standings}


def repeated(n_votes: int, models: Sequence[str], verdict: int | str) -> list[Vote]:
    return [make_vote(models, verdict) for _ in range(n_votes)]


@pytest.mark.parametrize("sizes", [(2,), (3,), (4,), (2, 3, 4)])
def test_known_strengths_are_recovered(sizes: tuple[int, ...]) -> None:
    board = leaderboard(votes_drawn(np.random.default_rng(0), TRUE, 6000, sizes), rounds=50)
    assert [standing.entry for standing in board.standings] == ["m0", "m1", "m2", "m3", "m4"]
    for standing in board.standings:
        assert standing.score == pytest.approx(TRUE_POINTS[standing.entry], abs=25)
        assert standing.low < standing.score < standing.high
    assert board.n_votes == 6000
    assert np.mean([standing.score for standing in board.standings]) == pytest.approx(1000)


def test_scores_are_those_of_choix() -> None:
    rng = np.random.default_rng(3)
    votes = [
        *votes_drawn(rng, TRUE, 120, (2, 3, 4)),
        *repeated(15, ["m0", "m2", "m4"], "tie"),
        *repeated(9, ["m1", "m3"], 1),
    ]
    doubled = []  # choix takes whole wins only: every win twice, a tie once each way, and the prior as strong
    for vote in votes:
        met = [int(column.model[1:]) for column in vote.columns]
        if vote.verdict == "tie":
            doubled += [(one, other) for one in met for other in met if one != other]
        else:
            doubled += [(met[vote.verdict], other) for other in met if other != met[vote.verdict]] * 2
    theirs = choix.opt_pairwise(5, doubled, alpha=2 / (2 * PRIOR_SD**2), tol=1e-12)
    ours = by_entry(leaderboard(votes, rounds=10))
    for model, strength in enumerate(theirs):
        assert ours[f"m{model}"].score == pytest.approx(1000 + POINTS_PER_STRENGTH * strength, abs=0.01)


def coverage(seed: int, simulations: int, n_votes: int, rounds: int, sizes: tuple[int, ...]) -> float:
    """Measure how often a 95% interval holds the true score."""
    rng = np.random.default_rng(seed)
    held = [
        standing.low <= TRUE_POINTS[standing.entry] <= standing.high
        for simulation in range(simulations)
        for standing in leaderboard(votes_drawn(rng, TRUE, n_votes, sizes), rounds=rounds, seed=simulation).standings
    ]
    assert len(held) == simulations * len(TRUE)
    return float(np.mean(held))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    assert 0.90 <= coverage(seed=1, simulations=60, n_votes=200, rounds=200, sizes=(2, 3, 4)) <= 0.99


@pytest.mark.proof
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    measured = {
        (n_votes, sizes): coverage(seed=2, simulations=300, n_votes=n_votes, rounds=1000, sizes=sizes)
        for n_votes in (60, 200, 1000)
        for sizes in ((2,), (2, 3, 4))
    }
    rows = [
        f"| {n_votes} | {', '.join(map(str, sizes))} | {share:.3f} |" for (n_votes, sizes), share in measured.items()
    ]
    PROOF.write_text(
        "# How often the leaderboard's 95% intervals hold the true score\n\n"
        f"{date.today()}, `make proof ARGS=tests/janus_space/test_leaderboard.py`: five models of known strength, 300\n"
        "simulations a row, 1000 bootstrap rounds each. With few votes the intervals are a little too narrow.\n\n"
        "| votes | columns a comparison | intervals that hold the truth |\n|---|---|---|\n" + "\n".join(rows) + "\n",
        "utf-8",
    )
    # Percentile intervals of a few dozen votes are known to be narrow; with more votes they must come true.
    least = {60: 0.90, 200: 0.92, 1000: 0.935}
    assert all(least[n_votes] <= share <= 0.97 for (n_votes, _), share in measured.items()), measured


def test_five_thousand_votes_take_under_two_seconds() -> None:
    votes = list(votes_drawn(np.random.default_rng(0), np.linspace(-1, 1, 12), 5000, (2, 3, 4)))
    start = time.process_time()
    board = leaderboard(votes)
    assert time.process_time() - start < 2
    assert len(board.standings) == 12


def test_the_same_votes_give_the_same_board() -> None:
    votes = list(votes_drawn(np.random.default_rng(0), TRUE, 100))
    assert leaderboard(votes) == leaderboard(votes)
    assert leaderboard(votes, seed=1).standings[0].low != leaderboard(votes).standings[0].low


def test_below_the_floor_there_is_no_score() -> None:
    votes = [*repeated(MIN_VOTES - 1, "ab", 0), *repeated(3, "bc", 1)]
    board = by_entry(leaderboard(votes))
    assert board["a"].note == f"Not enough votes: {MIN_VOTES - 1} of {MIN_VOTES}."
    assert board["a"].score is board["a"].low is board["a"].high is board["a"].place is None
    assert board["b"].score is not None
    assert board["b"].n_votes == MIN_VOTES + 2
    assert leaderboard(votes).standings[0].entry == "b"


def test_a_multi_column_vote_counts_once_towards_the_floor() -> None:
    board = by_entry(leaderboard(repeated(MIN_VOTES - 1, "abcd", 0)))
    assert board["a"].n_votes == MIN_VOTES - 1
    assert board["a"].score is None


def test_both_bad_moves_no_score_and_stands_in_its_own_column() -> None:
    votes = [*repeated(12, "ab", 0), *repeated(6, "ab", 1)]
    plain, with_bad = leaderboard(votes), leaderboard([*votes, *repeated(7, "ab", "both bad")])
    assert [standing.score for standing in plain.standings] == [standing.score for standing in with_bad.standings]
    assert [standing.n_both_bad for standing in with_bad.standings] == [7, 7]
    assert with_bad.n_votes == 18
    assert with_bad.left_out == {"every answer was bad": 7}


def test_an_entry_that_was_only_ever_bad_is_listed_without_a_score() -> None:
    board = by_entry(leaderboard([*repeated(12, "ab", 0), *repeated(20, "cd", "both bad")]))
    assert (board["c"].n_votes, board["c"].n_both_bad, board["c"].score) == (0, 20, None)


def test_entries_that_never_met_are_in_groups_of_their_own() -> None:
    votes = [*repeated(15, "ab", 0), *repeated(5, "ab", 1), *repeated(12, "cde", 0), *repeated(12, "cde", 1)]
    board = leaderboard(votes)
    assert [(standing.entry, standing.group) for standing in board.standings if standing.entry in "ab"] == [
        ("a", 1),
        ("b", 1),
    ]
    assert {standing.entry for standing in board.standings if standing.group == 0} == set("cde")
    assert sum(standing.score for standing in board.standings if standing.group == 1) == pytest.approx(2000)
    assert by_entry(board)["a"].place == 1
    linked = leaderboard([*votes, make_vote("bc", "tie")])
    assert {standing.group for standing in linked.standings} == {0}


def test_a_model_that_won_all_is_finite_and_says_what_cannot_be_told() -> None:
    board = by_entry(leaderboard(repeated(40, "ab", 0)))
    assert board["a"].note == "It won every time: it may be better than score and interval can tell."
    assert board["b"].note == "It lost every time: it may be worse than score and interval can tell."
    assert 1000 < board["a"].score < 2500
    assert (board["a"].won_share, board["b"].won_share) == (1, 0)
    # As strongly as 400 points of prior deviation allow, and no more: the slope of the posterior is zero there.
    gap = (board["a"].score - board["b"].score) / POINTS_PER_STRENGTH
    assert 40 / (1 + np.exp(gap)) == pytest.approx(gap / 2 / PRIOR_SD**2, rel=1e-6)


def test_one_model_alone_has_no_score() -> None:
    board = leaderboard(repeated(30, "aa", 0))
    assert board.standings == ()
    assert board.n_votes == 0
    assert leaderboard([]).standings == ()


def test_places_follow_the_intervals_and_not_the_bare_score() -> None:
    close = leaderboard([*repeated(21, "ab", 0), *repeated(20, "ab", 1)])
    assert [standing.place for standing in close.standings] == [1, 1]
    assert close.standings[0].entry == "a"
    clear = leaderboard([*repeated(200, "ab", 0), *repeated(20, "ab", 1)])
    assert [(standing.entry, standing.place) for standing in clear.standings] == [("a", 1), ("b", 2)]


def test_system_messages_are_entries_when_the_model_is_the_same() -> None:
    votes = [make_vote("aa", int(number % 4 == 0), ["Be kind.", None]) for number in range(40)]
    board = leaderboard(votes, View(entry="system message"))
    assert [(standing.entry, standing.name) for standing in board.standings] == [
        ("Be kind.", "Be kind."),
        ("", "No system message"),
    ]
    assert board.standings[0].won_share == 0.75
    assert not leaderboard(votes).standings


def test_the_slices_change_the_scores() -> None:
    votes = [*repeated(20, "ab", 0), *(make_vote("ab", 1, voter="you") for _ in range(20))]
    assert leaderboard(votes, View(voter="me")).standings[0].entry == "a"
    assert leaderboard(votes, View(voter="you")).standings[0].entry == "b"
    everyone = leaderboard(votes)
    assert everyone.standings[0].score == pytest.approx(1000)
    assert everyone.n_votes == 40


def test_only_the_entries_with_the_most_votes_are_fitted() -> None:
    votes = [
        vote
        for number in range(MAX_ENTRIES + 5)
        for vote in repeated(2 + (number < MAX_ENTRIES), ["hub", f"m{number}"], 0)
    ]
    board = leaderboard(votes, rounds=5)
    assert len(board.standings) == MAX_ENTRIES
    assert board.n_unlisted == 6
    assert board.n_votes == 3 * (MAX_ENTRIES - 1)
    assert by_entry(board)["hub"].n_votes == board.n_votes
