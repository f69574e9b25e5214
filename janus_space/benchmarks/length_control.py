"""Win rate without the judge's love of length: the generalised linear model of AlpacaEval 2.0 (arXiv:2404.04475).

The judge prefers the model's answer to the baseline's with log-odds

    skill + focus · ease(instruction) + LENGTH · tanh((characters of the model - of the baseline) / their sd)

and the length-controlled win rate is the mean of what is left when the answers are equally long. As alpaca_eval 0.6.6
(metrics/glm_winrate.py) does it, with two things told apart:

- *Ease* of the instructions (the original's instruction difficulty, which it downloads) is estimated here from the
  judgements of the other models in the file, jointly with their skills, at the common length effect.
- The original adds, at a fifth of their weight, its judgements of GPT-4 asked to be concise and to be verbose, against
  GPT-4 as it is: the same model at other lengths. They keep a model from passing lack of skill off as shortness. Those
  rows are not public here; `_GAMED` stands for them. Its two slopes are what fits best the published values of models;
  leaving any one of them out gives the same choice (tests/proof/length_control.md).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from janus_space.judging.average import t_quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GAMED = (-0.75, 0.35)
"""Mean tanh of the length gap of concise and verbose GPT-4 (mean characters: 1136 and 2402, against 2049)."""

_GAMED_WEIGHT = 0.2 * 805
"""What all rows of `_GAMED` weigh together, however many instructions a file has."""

_EASE_OF_SHORT = -0.27
"""How much harder it is to beat a baseline's answer that is longer by one sd of its logarithm: where nobody else was
judged on an instruction, this is all that is known."""

_EASE_PRECISION = 0.3
_RIDGE = 1e-3
_LONGEST_STEP = 2.0
_CLOSE_ENOUGH = 1e-7
_MAX_STEPS = 100

WHOLE = 0.99
"""From this share of all instructions on, a model counts as judged on all, but for mishaps."""


class Slopes(NamedTuple):
    """How `_GAMED` were judged: log-odds by length, and by the ease of the instruction."""

    length: float
    focus: float


SLOPES = Slopes(1.3, 0.4)


class Judgements(NamedTuple):
    """One model against the baseline. Arrays are parallel, ordered by instruction; `won` is from 0 to 1."""

    model: str
    instruction: Ints
    won: Floats
    baseline_chars: Floats
    model_chars: Floats

    @property
    def longer(self) -> Floats:
        """How much longer the model's answers are, standardised, from -1 to 1."""
        gap = self.model_chars - self.baseline_chars
        spread = gap.std(ddof=1) if len(gap) > 1 else 0.0
        return np.tanh(gap / spread) if spread else np.zeros(len(gap))


class Controlled(NamedTuple):
    """A length-controlled win rate, from 0 to 1, with its 95% interval and the model's own length effect."""

    win_rate: float
    interval: tuple[float, float]
    length_slope: float


class _Table(NamedTuple):
    """Judgements of several models, one row a model and one column an instruction; `known` is 0 where there is none."""

    won: Floats
    at_length: Floats
    """Log-odds by length alone."""
    known: Floats

    def without(self, row: int) -> _Table:
        return _Table(*(np.delete(values, row, axis=0) for values in self))


def instructions_of(models: list[Judgements]) -> int:
    """Count instructions, judged or not: their indices are the positions in the benchmark's list."""
    return 1 + max(int(model.instruction.max()) for model in models)


def eases(models: list[Judgements], slopes: Slopes = SLOPES) -> Floats:
    """Estimate how easy each instruction is, for each model from the judgements of all others.

    Returns (models, instructions), in log-odds.
    """
    expected = _expected_ease(models)
    # A model that always draws, as the baseline with itself, tells nothing of the instructions.
    telling = [index for index, model in enumerate(models) if np.ptp(model.won) > 0]
    table = _table([models[index] for index in telling], len(expected), slopes.length)
    skill, ease = _joint(table, np.zeros(len(telling)), expected, expected)
    estimated = np.tile(ease, (len(models), 1))
    for row, index in enumerate(telling):
        _, estimated[index] = _joint(table.without(row), np.delete(skill, row), ease, expected)
    return estimated


def controlled(model: Judgements, ease: Floats, is_by_position: bool = True, slopes: Slopes = SLOPES) -> Controlled:
    """Fit one model and predict its win rate at equal length. ease (instructions,).

    Where a judgement of a model is missing, the leaderboard has given all later ones the difficulty of the instruction
    before (its tables number judgements by position). `is_by_position` repeats that for models that miss hardly any,
    so that figures agree with the published ones; otherwise every judgement has its own instruction's.
    """
    count = len(model.won)
    is_shifted = is_by_position and count >= WHOLE * len(ease)
    own_ease = ease[:count] if is_shifted else ease[model.instruction]
    own = np.column_stack([model.longer, own_ease, np.ones(count)])
    gamed = _gamed_rows(ease)
    features = np.concatenate([own, gamed])
    won = np.concatenate([model.won, _logistic(gamed @ (*slopes, 0.0))])
    weight = np.concatenate([np.ones(count), np.full(len(gamed), _GAMED_WEIGHT / len(gamed))])
    fitted, hessian = _fit(features, won, weight)
    even = own * (0.0, 1.0, 1.0)
    predicted = _logistic(even @ fitted)
    mean = float(predicted.mean())
    # Infinitesimal jackknife: how far each row moves the mean, by being in it and by moving the coefficients.
    pull = even.T @ (predicted * (1 - predicted)) / count
    residual = model.won - _logistic(own @ fitted)
    moves = (predicted - mean) / count + residual * (own @ np.linalg.solve(hessian, pull))
    return Controlled(mean, _interval(mean, math.sqrt(float(moves @ moves)), count), float(fitted[0]))


def _gamed_rows(ease: Floats) -> Floats:
    both = [np.column_stack([np.full(len(ease), gap), ease, np.zeros(len(ease))]) for gap in _GAMED]
    return np.concatenate(both)


def _expected_ease(models: list[Judgements]) -> Floats:
    """What is known of an instruction's ease before any judgement: long answers of the baseline are hard to beat."""
    log_length = np.full(instructions_of(models), np.nan)
    for model in models:
        log_length[model.instruction] = np.log1p(model.baseline_chars)
    spread = float(np.nanstd(log_length))
    standardised = (log_length - np.nanmean(log_length)) / (spread or 1.0)
    expected: Floats = _EASE_OF_SHORT * np.nan_to_num(standardised)
    return expected


def _table(models: list[Judgements], instructions: int, length_slope: float) -> _Table:
    table = _Table(*(np.zeros((len(models), instructions)) for _ in _Table._fields))
    for row, model in enumerate(models):
        table.won[row, model.instruction] = model.won
        table.at_length[row, model.instruction] = length_slope * model.longer
        table.known[row, model.instruction] = 1.0
    return table


def _joint(table: _Table, skill: Floats, ease: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Fit skills and eases in turn, each by Newton's steps, starting from those given."""
    skill, ease = skill.copy(), ease.copy()
    for _ in range(_MAX_STEPS):
        residual, curvature = _residuals(table, skill, ease)
        skill_step = (residual.sum(axis=1) - _RIDGE * skill) / (curvature.sum(axis=1) + _RIDGE)
        skill += np.clip(skill_step, -_LONGEST_STEP, _LONGEST_STEP)
        residual, curvature = _residuals(table, skill, ease)
        pulled = residual.sum(axis=0) - _EASE_PRECISION * (ease - expected)
        ease_step = pulled / (curvature.sum(axis=0) + _EASE_PRECISION)
        ease += np.clip(ease_step, -_LONGEST_STEP, _LONGEST_STEP)
        if max(np.abs(skill_step).max(initial=0.0), np.abs(ease_step).max()) < 1e-4:
            break
    return skill, ease


def _residuals(table: _Table, skill: Floats, ease: Floats) -> tuple[Floats, Floats]:
    expected = _logistic(skill[:, None] + ease + table.at_length)
    return table.known * (table.won - expected), table.known * expected * (1 - expected)


def _fit(features: Floats, won: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Fit a logistic regression by Newton's method; return coefficients and the Hessian there."""
    fitted = np.zeros(features.shape[1])
    for _ in range(_MAX_STEPS):
        expected = _logistic(features @ fitted)
        hessian = (features.T * (weight * expected * (1 - expected))) @ features + _RIDGE * np.eye(len(fitted))
        step = np.linalg.solve(hessian, features.T @ (weight * (won - expected)) - _RIDGE * fitted)
        fitted += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    return fitted, hessian


def _interval(mean: float, error: float, count: int) -> tuple[float, float]:
    """Spread the interval on the scale of log-odds, so that it stays between 0 and 1."""
    if count < 2:
        return 0.0, 1.0
    centre = math.log(mean / (1 - mean))
    half = t_quantile(0.975, max(3, count - 1)) * error / (mean * (1 - mean))
    low, high = _logistic(np.array([centre - half, centre + half])).tolist()
    return low, high


def _logistic(log_odds: Floats) -> Floats:
    chance: Floats = np.exp(-np.logaddexp(0.0, -log_odds))
    return chance
