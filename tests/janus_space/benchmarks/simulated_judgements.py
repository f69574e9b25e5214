"""Judgements drawn from a known truth, in the format of `bench alpaca --annotations`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class Arena:
    """Instructions of known ease, a judge of known love of length, and models of known skill."""

    instructions: int = 805
    length_slope: float = 1.4
    seed: int = 0
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.ease: Floats = self.random.normal(0, 1.2, self.instructions)
        self.baseline_chars = np.round(np.exp(self.random.normal(7.4, 0.6, self.instructions))) + 20

    def add(self, model: str, skill: float, times_length: float) -> float:
        """Judge a model whose answers are so many times as long; return its true length-controlled win rate."""
        spread = np.exp(self.random.normal(0, 0.35, self.instructions))
        chars = np.round(self.baseline_chars * times_length * spread) + 1
        gap = chars - self.baseline_chars
        log_odds = skill + self.ease + self.length_slope * np.tanh(gap / gap.std(ddof=1))
        won = self.random.random(self.instructions) < _logistic(log_odds)
        sure = np.round(np.where(won, 2 - self.random.exponential(0.01, len(won)), 1.0), 6).clip(1, 2)
        rows = zip(range(self.instructions), sure, self.baseline_chars, chars, strict=True)
        self.files[model] = {"win_rate": -1.0, "rows": [[i, float(p), int(b), int(c)] for i, p, b, c in rows]}
        return float(_logistic(skill + self.ease).mean())

    def add_field(self, models: int) -> Mapping[str, float]:
        """Judge a field of models; return their true length-controlled win rates."""
        skills = self.random.normal(-1.2, 1.3, models)
        lengths = np.exp(self.random.normal(-0.3, 0.4, models))
        return {
            f"model-{number}": self.add(f"model-{number}", float(skill), float(length))
            for number, (skill, length) in enumerate(zip(skills, lengths, strict=True))
        }


def _logistic(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))
