from __future__ import annotations

import time

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from janus_space.bradley_terry import PRIOR_SD, bootstrap, strengths


def by_plain_mm(wins: np.ndarray, steps: int = 20_000) -> np.ndarray:
    """Zermelo's iteration (Hunter 2004), without a prior: an independent way to the same strengths."""
    played = wins + wins.T
    worth = np.ones(len(wins))
    for _ in range(steps):
        shared = [
            sum(played[i, j] / (worth[i] + worth[j]) for j in range(len(wins)) if j != i) for i in range(len(wins))
        ]
        following = wins.sum(axis=1) / np.array(shared)
        following /= np.exp(np.log(following).mean())
        if np.abs(following - worth).max() < 1e-12:
            break
        worth = following
    return np.log(worth)


def counts(rng: np.random.Generator, n_entries: int) -> np.ndarray:
    wins = rng.integers(1, 40, size=(n_entries, n_entries)) / 2
    np.fill_diagonal(wins, 0)
    return wins


@pytest.mark.parametrize("seed", range(6))
def test_without_a_prior_it_is_what_plain_iteration_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wins = counts(rng, int(rng.integers(2, 9)))
    fitted = strengths(wins, prior_sd=1e3)
    assert np.allclose(fitted - fitted.mean(), by_plain_mm(wins), atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_with_the_prior_it_is_what_choix_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_entries = int(rng.integers(2, 9))
    # Many zeros: also tables that have no solution without a prior.
    wins = rng.integers(0, 6, size=(n_entries, n_entries)) * rng.integers(0, 2, size=(n_entries, n_entries))
    np.fill_diagonal(wins, 0)
    duels = [(i, j) for i in range(n_entries) for j in range(n_entries) for _ in range(wins[i, j])]
    theirs = choix.opt_pairwise(n_entries, duels, alpha=1 / (2 * PRIOR_SD**2), tol=1e-10)
    assert np.allclose(strengths(wins.astype(float)), theirs, atol=1e-5)


def test_even_odds_of_ten_to_one_are_four_hundred_points() -> None:
    fitted = strengths(np.array([[0.0, 10e6], [1e6, 0.0]]))
    assert fitted[0] - fitted[1] == pytest.approx(np.log(10), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1e3, 1e6]), st.floats(0, 1))
def test_any_table_has_one_finite_answer_at_which_the_slope_is_zero(
    n_entries: int, seed: int, scale: float, zeros: float
) -> None:
    rng = np.random.default_rng(seed)
    wins = rng.exponential(scale, size=(n_entries, n_entries)) * (rng.random((n_entries, n_entries)) > zeros)
    np.fill_diagonal(wins, 0)
    fitted = strengths(wins)
    expected = 1 / (1 + np.exp(fitted[None, :] - fitted[:, None]))
    slope = wins.sum(1) - ((wins + wins.T) * expected).sum(1) - fitted / PRIOR_SD**2
    assert np.abs(slope).max() < 1e-7 * max(1, wins.sum())
    assert abs(fitted.sum()) < 1e-6


def test_groups_that_never_met_each_sum_to_zero() -> None:
    wins = np.zeros((5, 5))
    wins[0, 1], wins[1, 0], wins[2, 3], wins[3, 4], wins[4, 2] = 30, 2, 5, 9, 1
    fitted = strengths(wins)
    assert fitted[:2].sum() == pytest.approx(0, abs=1e-9)
    assert fitted[2:].sum() == pytest.approx(0, abs=1e-9)


def test_whoever_won_all_stays_finite_and_more_wins_raise_it() -> None:
    few, many = (strengths(np.array([[0.0, n], [0.0, 0.0]]))[0] for n in (5, 500))
    assert 0 < few < many < 10


def test_a_table_fitted_in_a_batch_is_fitted_as_if_alone() -> None:
    rng = np.random.default_rng(0)
    tables = np.stack([counts(rng, 5) for _ in range(7)])
    assert np.allclose(strengths(tables), [strengths(table) for table in tables], atol=1e-8)


def drawn_votes(n_votes: int, n_entries: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    met = np.array([rng.permutation(n_entries)[:4] for _ in range(n_votes)])
    winner, loser = np.repeat(met[:, 0], 3), met[:, 1:].ravel()
    return np.repeat(np.arange(n_votes), 3), winner, loser, np.ones(3 * n_votes)


def test_a_vote_is_redrawn_with_all_its_pairs() -> None:
    """Check the rounds one by one against votes drawn in a plain loop from the same random numbers."""
    vote, winner, loser, weight = drawn_votes(12, 6)
    random = np.random.default_rng(5)
    for fitted in bootstrap(vote, winner, loser, weight, 6, rounds=4, seed=5):
        wins = np.zeros((6, 6))
        for drawn in random.integers(12, size=12):
            for pair in np.flatnonzero(vote == drawn):
                wins[winner[pair], loser[pair]] += weight[pair]
        assert np.allclose(fitted, strengths(wins), atol=1e-8)


def test_the_same_seed_gives_the_same_rounds() -> None:
    votes = drawn_votes(40, 6)
    assert np.array_equal(bootstrap(*votes, 6, 50, seed=1), bootstrap(*votes, 6, 50, seed=1))
    assert not np.array_equal(bootstrap(*votes, 6, 50, seed=1), bootstrap(*votes, 6, 50, seed=2))


def test_a_thousand_rounds_over_five_thousand_votes_take_under_two_seconds() -> None:
    votes = drawn_votes(5000, 20)
    start = time.process_time()
    assert bootstrap(*votes, 20, 1000, seed=0).shape == (1000, 20)
    assert time.process_time() - start < 2
