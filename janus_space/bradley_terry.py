"""Bradley-Terry strengths from wins between pairs, and how far they can be trusted.

The model: i beats j with probability 1 / (1 + exp(strength_j - strength_i)); a tie is half a win for each. A ridge
keeps every strength finite and tells them apart from nothing: before any vote, each is thought to lie around 0 with a
standard deviation of `PRIOR_SD`. It also makes the strengths of a group of entries that met only each other sum to 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_SD = math.log(10)  # 400 points of the Elo scale: odds of ten to one

_MAX_STEPS = 100
_LONGEST_STEP = 2.0
_CLOSE_ENOUGH = 1e-10
_CHUNK_NUMBERS = 2_000_000  # bounds what one chunk of bootstrap rounds holds in memory, to some 16 MB an array


def strengths(wins: Floats, prior_sd: float = PRIOR_SD) -> Floats:
    """Fit the likeliest strengths by Newton's method. wins (..., i, j): how often i beat j; returns (..., i)."""
    played = wins + wins.swapaxes(-1, -2)
    won = wins.sum(axis=-1)
    precision = prior_sd**-2
    fitted = np.zeros(won.shape)
    for _ in range(_MAX_STEPS):
        expected = 1 / (1 + np.exp(fitted[..., None, :] - fitted[..., :, None]))
        gradient = won - (played * expected).sum(axis=-1) - precision * fitted
        curvature = played * expected * (1 - expected)
        hessian = _diagonal(curvature.sum(axis=-1) + precision) - curvature
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        # Far from the answer the curve is flat and a full step would overshoot.
        fitted += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max(initial=0.0) < _CLOSE_ENOUGH:
            break
    return fitted


def bootstrap(vote: Ints, winner: Ints, loser: Ints, weight: Floats, n_entries: int, rounds: int, seed: int) -> Floats:
    """Fit again on votes drawn with replacement; a vote is drawn with all its pairs, for they are one judgement.

    The arrays are parallel, one item a pair: index of its vote, of its winner and loser, and 0.5 for a tie.
    Returns strengths (rounds, entries).
    """
    n_votes = int(vote.max()) + 1
    cell = winner * n_entries + loser
    by_cell = np.argsort(cell, kind="stable")
    cells, starts = np.unique(cell[by_cell], return_index=True)
    vote, weight = vote[by_cell], weight[by_cell]
    random = np.random.default_rng(seed)
    largest = max(n_votes, len(vote), n_entries**2)
    chunk = max(1, _CHUNK_NUMBERS // largest)
    fitted = []
    for first in range(0, rounds, chunk):
        size = min(chunk, rounds - first)
        drawn = random.integers(n_votes, size=(size, n_votes)) + n_votes * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * n_votes).reshape(size, n_votes)
        wins = np.zeros((size, n_entries**2))
        wins[:, cells] = np.add.reduceat(times[:, vote] * weight, starts, axis=1)
        fitted.append(strengths(wins.reshape(size, n_entries, n_entries)))
    return np.concatenate(fitted)


def _diagonal(values: Floats) -> Floats:
    return values[..., None] * np.eye(values.shape[-1])
