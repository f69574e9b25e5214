"""Arena-Hard's scores from its verdicts: win rates against a baseline, as they are and at equal style.

A clear verdict counts as three games, a slight one as one, a tie as half a win. All models meet the same baseline only,
so the Bradley-Terry fit of the original has the plain win rate as its solution. With style control, a logistic
regression also holds the difference in style of the two answers; the score is what it gives at no difference. (The
original centres those differences on their mean instead, which leaves part of the average style in the score.)
Intervals are bootstraps over questions: both games of a question, and those of all models, are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from janus_space.benchmarks.style import FEATURES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLEAR_WEIGHT = 3.0
ROUNDS = 200

# Style coefficients are held as sklearn's default does in the original; models' only so far that they stay finite.
_STYLE_RIDGE, _MODEL_RIDGE = 1.0, 1e-3
_MOST_STEPS, _LONGEST_STEP, _CLOSE_ENOUGH = 50, 2.0, 1e-8


class Battle(NamedTuple):
    """One game: of which model, on which question, how far the model is ahead (-2 to 2), and the style difference."""

    model: int
    question: int
    ahead: int
    style: Floats


class Score(NamedTuple):
    """A score from 0 to 100 with its 95% interval."""

    score: float
    interval: tuple[float, float]


class Scores(NamedTuple):
    """Of one model: its win rate, and the same at equal style."""

    plain: Score
    at_equal_style: Score


def scores(battles: Sequence[Battle], n_models: int, seed: int = 0, rounds: int = ROUNDS) -> list[Scores]:
    """Score every model; each must have a battle."""
    model = np.array([one.model for one in battles])
    question = np.unique([one.question for one in battles], return_inverse=True)[1]
    ahead = np.array([one.ahead for one in battles])
    won = np.where(ahead > 0, 1.0, np.where(ahead < 0, 0.0, 0.5))
    weight = np.where(np.abs(ahead) == 2, CLEAR_WEIGHT, 1.0)
    differences = np.array([one.style for one in battles])
    spread = differences.std(axis=0)
    differences = differences / np.where(spread > 0, spread, 1.0)

    random = np.random.default_rng(seed)
    plain, controlled = [], []
    for drawn in range(rounds + 1):
        times = np.ones(question.max() + 1) if drawn == 0 else _times(random, question.max() + 1)
        weights = weight * times[question]
        plain.append(_win_rates(model, won, weights, n_models))
        controlled.append(_at_equal_style(model, won, weights, differences, n_models))
    return [Scores(_score(np.array(plain)[:, one]), _score(np.array(controlled)[:, one])) for one in range(n_models)]


def _times(random: np.random.Generator, count: int) -> Floats:
    """Return how often each question is drawn in one round."""
    return np.bincount(random.integers(count, size=count), minlength=count).astype(float)


def _win_rates(model: Ints, won: Floats, weights: Floats, n_models: int) -> Floats:
    total = np.bincount(model, weights, n_models)
    wins = np.bincount(model, weights * won, n_models)
    return np.asarray(np.divide(wins, total, out=np.full(n_models, np.nan), where=total > 0))


def _at_equal_style(model: Ints, won: Floats, weights: Floats, differences: Floats, n_models: int) -> Floats:
    """Fit by Newton's method; return each model's win rate where the two answers look alike."""
    features = np.hstack([np.eye(n_models)[model], differences])
    ridge = np.array([_MODEL_RIDGE] * n_models + [_STYLE_RIDGE] * len(FEATURES))
    fitted = np.zeros(features.shape[1])
    for _ in range(_MOST_STEPS):
        expected = 1 / (1 + np.exp(-features @ fitted))
        gradient = features.T @ (weights * (won - expected)) - ridge * fitted
        curvature = (features * (weights * expected * (1 - expected))[:, None]).T @ features
        step = np.linalg.solve(curvature + np.diag(ridge), gradient)
        fitted += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    return np.asarray(1 / (1 + np.exp(-fitted[:n_models])))


def _score(drawn: Floats) -> Score:
    """Take the first as the estimate and the others as its bootstrap."""
    low, high = np.nanquantile(drawn[1:], (0.025, 0.975))
    return Score(100 * float(drawn[0]), (100 * float(low), 100 * float(high)))
