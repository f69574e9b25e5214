"""Arena-Hard's scores recover what is known of simulated games: strength, length bias, and how sure one can be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from janus_space.benchmarks.arena_score import Battle, scores


def games(strengths: list[float], style_pull: float, questions: int, seed: int) -> list[Battle]:
    """Simulate a judge that likes length by so much; the first model writes longer than the baseline, others do not."""
    random = np.random.default_rng(seed)
    found = []
    for model, strength in enumerate(strengths):
        for question in range(questions):
            style = np.array([random.normal(0.3 if model == 0 else 0.0, 0.2), 0.0, 0.0, 0.0])
            for _ in range(2):
                wins = random.random() < 1 / (1 + math.exp(-(strength + style_pull * style[0])))
                found.append(Battle(model, question, 1 if wins else -1, style))
    return found


def test_without_a_liking_for_style_both_scores_are_the_win_rate() -> None:
    battles = games([0.0, 1.0], style_pull=0.0, questions=400, seed=1)
    even, better = scores(battles, 2)
    assert even.plain.score == pytest.approx(50, abs=4)
    assert better.plain.score == pytest.approx(100 / (1 + math.exp(-1)), abs=3)
    assert better.at_equal_style.score == pytest.approx(better.plain.score, abs=3)
    low, high = better.plain.interval
    assert low < better.plain.score < high
    assert 2 < high - low < 12


def test_style_control_takes_out_what_length_bought() -> None:
    battles = games([0.0, 0.0], style_pull=4.0, questions=500, seed=2)
    long, plain = scores(battles, 2)
    assert long.plain.score > 68
    assert long.at_equal_style.score == pytest.approx(50, abs=6)
    assert plain.at_equal_style.score == pytest.approx(50, abs=5)


def test_clear_verdicts_count_thrice_and_ties_half() -> None:
    flat = np.zeros(4)
    battles = [Battle(0, 0, 2, flat), Battle(0, 1, -1, flat), Battle(0, 2, 0, flat)]
    (found,) = scores(battles, 1)
    assert found.plain.score == pytest.approx(100 * (3 + 0 + 0.5) / 5)
    assert found.at_equal_style.score == pytest.approx(found.plain.score, abs=0.1)


def test_the_same_seed_gives_the_same_interval_and_all_wins_stay_finite() -> None:
    battles = [Battle(0, question, 2, np.zeros(4)) for question in range(20)]
    (found,) = scores(battles, 1, seed=3)
    assert found == scores(battles, 1, seed=3)[0]
    assert found.plain.score == 100
    assert 99 < found.at_equal_style.score < 100


def covered(simulations: int, questions: int = 250, ease_sd: float = 1.0) -> float:
    """Return how often the interval holds the truth where a question's two games are alike."""
    random, hits = np.random.default_rng(5), 0
    mean_ease = 0.4
    many = random.normal(mean_ease, ease_sd, 1_000_000)
    truth = 100 * float((1 / (1 + np.exp(-many))).mean())
    for simulation in range(simulations):
        ease = random.normal(mean_ease, ease_sd, questions)
        wins = random.random((questions, 2)) < 1 / (1 + np.exp(-ease))[:, None]
        battles = [Battle(0, one, 1 if won else -1, np.zeros(4)) for one in range(questions) for won in wins[one]]
        low, high = scores(battles, 1, seed=simulation)[0].plain.interval
        hits += low <= truth <= high
    return hits / simulations


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_the_interval_covers_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    share = covered(500)
    with capsys.disabled():
        print(f"\ncoverage {share:.3f}")  # noqa: T201
    assert 0.93 <= share <= 0.97
