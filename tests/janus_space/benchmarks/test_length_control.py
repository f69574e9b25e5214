"""Length control: truth that was simulated is found again, and the leaderboard's figures where they can be had."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from janus_space.benchmarks import length_control
from janus_space.benchmarks.annotations import read_annotations
from janus_space.benchmarks.length_control import SLOPES, Judgements, Slopes, controlled, eases
from tests.janus_space.benchmarks.simulated_judgements import Arena
from tests.oracle import oracle


class Published(NamedTuple):
    judged: list[Judgements]
    win_rate: dict[str, float]
    lc_win_rate: dict[str, float]


@pytest.fixture(scope="module")
def leaderboard() -> Published:
    path = oracle("alpaca_eval_annotations.json.gz")
    told = json.loads(gzip.decompress(path.read_bytes()))
    figures = ({model: entry[name] for model, entry in told.items()} for name in ("win_rate", "lc_win_rate"))
    return Published(read_annotations(path), *figures)


def simulated(tmp_path: Path, arena: Arena) -> list[Judgements]:
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(arena.files))
    return read_annotations(path)


def errors(published: Published, judged: list[Judgements], slopes: Slopes = SLOPES) -> np.ndarray:
    """Our figure minus the published one, in points."""
    ease = eases(judged, slopes)
    return np.array(
        [
            100 * controlled(one, own, slopes=slopes).win_rate - published.lc_win_rate[one.model]
            for one, own in zip(judged, ease, strict=True)
        ]
    )


def test_truth_is_found_again_where_raw_win_rates_miss_it(tmp_path: Path) -> None:
    arena = Arena()
    truth = arena.add_field(24)
    judged = simulated(tmp_path, arena)
    ease = eases(judged)
    found = {one.model: controlled(one, own) for one, own in zip(judged, ease, strict=True)}
    raw = np.array([one.won.mean() - truth[one.model] for one in judged])
    ours = np.array([found[model].win_rate - truth[model] for model in truth])
    assert np.abs(raw).mean() > 0.05
    assert np.abs(ours).mean() < 0.02
    inside = [low <= truth[model] <= high for model, (_, (low, high), _) in found.items()]
    assert sum(inside) >= 20
    assert np.corrcoef(ease.mean(axis=0), arena.ease)[0, 1] > 0.85


def test_no_length_difference_means_no_control(tmp_path: Path) -> None:
    arena = Arena(instructions=200)
    arena.add_field(4)
    same = [[number, 1.0 + 0.9 * (number % 3 == 0), chars, chars] for number, chars in enumerate(range(50, 250))]
    arena.files["same"] = {"rows": same}
    arena.files["baseline"] = {"rows": [[number, 1.5, 80, 80] for number in range(200)]}
    judged = simulated(tmp_path, arena)
    found = {one.model: controlled(one, own).win_rate for one, own in zip(judged, eases(judged), strict=True)}
    assert found["same"] == pytest.approx(judged[4].won.mean(), abs=1e-4)
    assert found["baseline"] == pytest.approx(0.5, abs=1e-6)


def test_a_models_own_judgements_do_not_tell_its_ease(tmp_path: Path) -> None:
    arena = Arena(instructions=120)
    arena.add_field(5)
    judged = simulated(tmp_path, arena)
    turned = [judged[0]._replace(won=1 - judged[0].won), *judged[1:]]
    assert np.allclose(eases(judged)[0], eases(turned)[0], atol=1e-3)
    assert not np.allclose(eases(judged)[1], eases(turned)[1], atol=1e-2)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_handful_of_rows_gives_wide_intervals_not_errors(rows: int) -> None:
    one = Judgements("m", np.arange(rows), np.ones(rows), np.full(rows, 100.0), np.arange(rows) + 50.0)
    told = controlled(one, eases([one])[0])
    assert 0 < told.interval[0] < told.win_rate < told.interval[1] < 1 or told.interval == (0, 1)


def test_missing_judgements_shift_what_follows_as_on_the_leaderboard(tmp_path: Path) -> None:
    arena = Arena(seed=3)
    arena.add_field(12)
    del arena.files["model-0"]["rows"][2]
    judged = simulated(tmp_path, arena)
    ease = eases(judged)[0]
    by_position, by_instruction = controlled(judged[0], ease), controlled(judged[0], ease, is_by_position=False)
    assert by_position.length_slope != pytest.approx(by_instruction.length_slope, abs=0.05)
    few = judged[0]._replace(**{name: getattr(judged[0], name)[:600] for name in Judgements._fields[1:]})
    assert controlled(few, ease) == controlled(few, ease, is_by_position=False)


def test_interval_agrees_with_a_bootstrap(tmp_path: Path) -> None:
    arena = Arena(seed=5)
    arena.add_field(6)
    judged = simulated(tmp_path, arena)
    one, ease = judged[2], eases(judged)[2]
    random = np.random.default_rng(0)
    drawn = (random.integers(0, len(one.won), len(one.won)) for _ in range(150))
    again = [controlled(Judgements("m", *(part[rows] for part in one[1:])), ease, False).win_rate for rows in drawn]
    low, high = controlled(one, ease).interval
    assert high - low == pytest.approx(3.92 * np.std(again), rel=0.2)


def test_win_rates_are_the_leaderboards(leaderboard: Published) -> None:
    for one in leaderboard.judged:
        assert 100 * one.won.mean() == pytest.approx(leaderboard.win_rate[one.model], abs=0.05)


def test_length_controlled_win_rates_are_the_leaderboards(leaderboard: Published) -> None:
    """No model is excepted, not even those made to trick the metric."""
    off = np.abs(errors(leaderboard, leaderboard.judged))
    assert len(off) == 39
    assert off.mean() < 0.5
    assert off.max() < 2.0


@pytest.mark.parametrize("seed", range(3))
def test_so_they_are_with_half_of_the_models_and_a_tenth_of_the_rows_missing(leaderboard: Published, seed: int) -> None:
    random = np.random.default_rng(seed)
    some = [leaderboard.judged[index] for index in random.choice(39, 20, replace=False)]
    thinner = [thinned_out(one, random.random(len(one.won)) < 0.9) for one in some]
    off = np.abs(errors(leaderboard, thinner))
    assert off.mean() < 1.0
    assert off.max() < 4.5


def thinned_out(one: Judgements, kept: np.ndarray) -> Judgements:
    return Judgements(one.model, *(part[kept] for part in one[1:]))


@pytest.mark.proof
def test_the_two_slopes_are_the_same_whichever_model_is_left_out(leaderboard: Published) -> None:
    grid = [Slopes(length, focus) for length in (1.1, 1.3, 1.5, 1.7) for focus in (0.2, 0.4, 0.6, 0.8)]
    judged = [one for one in leaderboard.judged if np.ptp(one.won) > 0]
    off = np.abs([errors(leaderboard, judged, slopes) for slopes in grid])
    best = [grid[int(np.delete(off, out, axis=1).mean(axis=1).argmin())] for out in range(len(judged))]
    scored = [off[grid.index(chosen), out] for out, chosen in enumerate(best)]
    print(f"left out one by one: mean {np.mean(scored):.3f}, largest {np.max(scored):.3f}, {set(best)}")  # noqa: T201
    assert set(best) == {SLOPES}
    assert np.mean(scored) < 1.0
    assert np.max(scored) < 3.0


@pytest.mark.proof
def test_what_closed_the_gap(leaderboard: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of the model, taken out alone."""
    judged = leaderboard.judged

    def told(name: str) -> float:
        off = np.abs(errors(leaderboard, judged))
        print(f"{name:60} mean {off.mean():.2f}, largest {off.max():.2f}")  # noqa: T201
        return float(off.mean())

    whole = told("as it is")
    with monkeypatch.context() as without:
        without.setattr(length_control, "_GAMED_WEIGHT", 1e-6)
        assert told("without the rows of gamed GPT-4") > 1.5 * whole
    with monkeypatch.context() as without:
        without.setattr(length_control, "_EASE_PRECISION", 1e9)
        assert told("ease from the baseline's lengths alone") > 1.5 * whole
        without.setattr(length_control, "_EASE_OF_SHORT", 0.0)
        assert told("without any ease") > 3 * whole
    with monkeypatch.context() as without:
        without.setattr(length_control, "WHOLE", 2.0)
        told("every judgement with its own instruction's ease")
