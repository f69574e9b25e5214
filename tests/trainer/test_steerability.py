"""The formulas on numbers worked out by hand, and the statistics on models simulated with a known effect."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from trainer.steerability import (
    Example,
    Scores,
    arranged,
    by_instruction,
    margins,
    questions,
    steerability,
    wins,
)


def scores(under: list[list[float]], empty: list[float]) -> Scores:
    return Scores(np.array(under), np.array(empty))


def simulated(effect: float, instructions: int = 44, size: int = 3, seed: int = 1, noise: float = 0.05) -> list[Scores]:
    """Answers differ widely, messages a little; the own message adds `effect`."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(instructions):
        hardness = random.normal(-2.5, 0.4, size=(size, 1))
        under = hardness + random.normal(0, noise, (size, size)) + effect * np.eye(size)
        made.append(Scores(under, hardness[:, 0] + random.normal(0, noise, size)))
    return made


HAND = scores([[-1.0, -2.0, -1.5], [-2.0, -1.0, -1.0], [-3.0, -2.0, -4.0]], [-2.0, -2.0, -3.5])


def test_the_figures_of_three_answers_worked_out_by_hand() -> None:
    told = steerability([HAND], rounds=10)
    # own minus the mean of the others: -1+1.75, -1+1.5, -4+2.5
    assert told.margin.mean == pytest.approx((0.75 + 0.5 - 1.5) / 3)
    # likeliest under: own; own and the third alike; the second
    assert told.attribution.mean == pytest.approx((1 + 0.5 + 0) / 3)
    # raised over the empty message: by the first 1, 0, 0.5; by the second 0, 1, 1.5; by the third 0.5, 1, -0.5
    assert told.selection.mean == pytest.approx((1 + 0 + 0) / 3)
    assert told.own.mean == pytest.approx(-2.0)
    assert told.empty.mean == pytest.approx(-2.5)
    assert told.gain.mean == pytest.approx(0.5)
    assert (told.n, told.instructions, told.left_out, told.chance) == (3, 1, 0, pytest.approx(1 / 3))
    assert told.margin.low == told.margin.high == pytest.approx(told.margin.mean)


def test_every_answer_counts_once_whatever_the_size_of_its_instruction() -> None:
    pair = scores([[-1.0, -2.0], [-5.0, -1.0]], [-2.0, -2.0])
    told = steerability([HAND, pair], rounds=10)
    assert told.margin.mean == pytest.approx((0.75 + 0.5 - 1.5 + 1 + 4) / 5)
    assert told.chance == pytest.approx(2 / 5)


def test_an_answer_alone_is_left_out_and_counted() -> None:
    alone = scores([[-9.0]], [-1.0])
    told = steerability([alone, HAND, alone], rounds=10)
    assert told.left_out == 2
    assert told.own.mean == pytest.approx(-2.0)
    with pytest.raises(ValueError, match="two answers"):
        steerability([alone])


def test_a_model_that_ignores_the_message_is_at_chance() -> None:
    deaf = [Scores(np.repeat(one.empty[:, None], 3, axis=1), one.empty) for one in simulated(0)]
    told = steerability(deaf)
    assert [told.margin.mean, told.gain.mean] == pytest.approx([0, 0])
    assert told.attribution.mean == told.selection.mean == pytest.approx(1 / 3)


def test_an_effect_is_found_and_its_absence_too() -> None:
    found, absent = steerability(simulated(0.06)), steerability(simulated(0.0))
    assert found.margin.low > 0.03
    assert found.margin.high < 0.09
    assert found.margin.mean > found.shuffled.high
    assert found.attribution.low > found.chance
    assert absent.margin.low < 0 < absent.margin.high
    assert absent.shuffled.low < absent.margin.mean < absent.shuffled.high


@pytest.mark.parametrize("effect", [0.0, 0.06, 1.0, -0.5])
def test_the_shuffled_control_is_around_nought_whatever_the_model_does(effect: float) -> None:
    shuffled = steerability(simulated(effect)).shuffled
    assert shuffled.low < 0 < shuffled.high
    assert abs(shuffled.mean) < 0.1 * (shuffled.high - shuffled.low)


def test_the_control_spans_what_one_shuffle_gives() -> None:
    given, random = simulated(0.5), np.random.default_rng(7)
    single = [
        np.mean([margins(one.under)[np.arange(3), random.permutation(3)].mean() for one in given]) for _ in range(1000)
    ]
    shuffled = steerability(given).shuffled
    assert (shuffled.low, shuffled.high) == pytest.approx(tuple(np.quantile(single, (0.025, 0.975))), abs=0.01)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(100):
        margin = steerability(simulated(0.06, seed=seed), rounds=300).margin
        held += margin.low < 0.06 < margin.high
    assert 0.90 <= held / 100 <= 0.99


def test_the_interval_is_over_instructions_whose_answers_stand_or_fall_together() -> None:
    random = np.random.default_rng(3)
    effects = random.normal(0.06, 0.2, 40)
    given = [simulated(effect, 1, seed=number, noise=0.001)[0] for number, effect in enumerate(effects)]
    margin = steerability(given).margin
    assert (margin.high - margin.low) / 2 == pytest.approx(1.96 * effects.std() / np.sqrt(40), rel=0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    given = simulated(0.06)
    assert steerability(given, seed=4) == steerability(given, seed=4)
    assert steerability(given, seed=4).margin != steerability(given, seed=5).margin


def test_ties_share_the_credit() -> None:
    assert wins(np.zeros((4, 4))).tolist() == [0.25] * 4
    assert wins(np.array([[1.0, 1.0 + 1e-6], [2.0, 1.0]])).tolist() == [0.5, 0.0]


def test_margins_against_a_plain_loop() -> None:
    under = np.random.default_rng(0).normal(size=(5, 5))
    for i in range(5):
        for j in range(5):
            assert margins(under)[i, j] == pytest.approx(under[i, j] - np.mean(np.delete(under[i], j)))


def test_rows_belong_together_by_instruction_id_or_else_by_prompt() -> None:
    rows = [
        Example("s1", "p", "a1", "one"),
        Example("s2", "q", "a2", "two"),
        Example("s3", "p, worded otherwise", "a3", "one"),
        Example("s4", "p", "a4"),
        Example("s5", "one", "a5"),
        Example("s6", "p", "a6"),
    ]
    assert [[row.output for row in group] for group in by_instruction(rows)] == [
        ["a1", "a3"],
        ["a2"],
        ["a4", "a6"],
        ["a5"],
    ]


def test_questions_and_scores_keep_the_same_order() -> None:
    group = [Example(f"s{number}", f"p{number}", f"a{number}") for number in range(3)]
    asked = questions(group)
    assert len(asked) == 12
    means = [float(ord(one.answer[1]) * 10 + ord(one.system[1] if one.system else "9")) for one in asked]
    told = arranged(means)
    for i in range(3):
        assert told.empty[i] == ord(str(i)) * 10 + ord("9")
        assert [one.prompt for one in asked[4 * i : 4 * i + 4]] == [f"p{i}"] * 4
        for j in range(3):
            assert told.under[i, j] == ord(str(i)) * 10 + ord(str(j))


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_any_number_of_answers_can_be_arranged(size: int) -> None:
    told = arranged([float(number) for number in range(size * (size + 1))])
    assert told.under.shape == (size, size)
    assert all(low < high for low, high in pairwise(told.empty))


def test_importing_it_loads_no_torch() -> None:
    script = (
        "import sys, trainer.steerability; sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
