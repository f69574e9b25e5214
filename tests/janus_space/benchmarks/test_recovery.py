"""A judge whose bias and noise are known, asked again and again: averages, intervals and power recover the truth.

The whole benchmark runs, but for HTTP: its judge and its model are functions in this process.
"""

from __future__ import annotations

import asyncio
import math
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

import pytest

from data_gen.asking import Answer, Request
from data_gen.openai_body import request_body
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import multifaceted
from janus_space.benchmarks.bench import Means
from janus_space.judging.judge import Judge
from janus_space.judging.reliability import auroc
from tests.judge import ScriptedJudge

MEAN, EASE_SD, ROW_SD, NOISE_SD, BIAS, MISMATCH = 3.0, 0.5, 0.4, 0.7, 0.4, 1.0


@dataclass
class InProcess:
    """Answers as the scripted endpoint does, without a wire."""

    script: ScriptedJudge
    halt: None = field(default=None)

    async def ask(self, request: Request) -> Answer:
        body = request_body("m", "http://127.0.0.1/v1", request.conversation, request.sampling)
        return Answer(self.script.answer(body), "stop")


class Silent:
    def say(self, sentence: str) -> None: ...
    def step(self, what: str, done: int, of: int) -> None: ...


def simulate(folder: Path, seed: int, instructions: int) -> dict[str, Any]:
    """Run the benchmark once, on answers whose worth is drawn anew; return its row."""
    ease: dict[str, float] = {}

    def quality(model: str, told: str) -> float:
        prompt = told.rpartition("\n")[2]
        shared = ease.setdefault(prompt, random.Random(f"{seed} {prompt}").gauss(MEAN, EASE_SD))
        return shared + random.Random(f"{seed} {told}").gauss(0, ROW_SD)

    who = InProcess(ScriptedJudge(quality, bias=BIAS, noise_sd=NOISE_SD, mismatch=MISMATCH))

    @asynccontextmanager
    async def model(spec: str) -> AsyncIterator[InProcess]:
        yield who

    @asynccontextmanager
    async def judge() -> AsyncIterator[Judge]:
        yield Judge("j", who, seed)

    order = BenchJob(bench="multifaceted", model=("m",), judge="j", limit=instructions, seed=seed, power=instructions)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    means = Means(folder, Silent(), model, judge, None)  # type: ignore[arg-type]
    return asyncio.run(multifaceted.run(order, means)).rows[0]


def rounded(value: float) -> int:
    return max(1, min(5, round(value)))


def true_score() -> float:
    """Return what the judge gives on average, worked out from the normal distribution that it rounds and clips."""
    given = NormalDist(MEAN + BIAS, math.sqrt(EASE_SD**2 + ROW_SD**2 + NOISE_SD**2))
    return 1 + sum(1 - given.cdf(score - 0.5) for score in range(2, 6))


def true_power(draws: int = 40_000) -> float:
    """Return how well rows under the right message are told from those under a wrong one, by simulation."""
    dice = random.Random(0)

    def row(shift: float) -> float:
        worth = dice.gauss(MEAN, EASE_SD) + dice.gauss(0, ROW_SD) - shift
        return fmean(rounded(worth + BIAS + dice.gauss(0, NOISE_SD)) for _ in range(4))

    return auroc([row(0) for _ in range(draws)], [row(MISMATCH) for _ in range(draws)])


def recovered(folder: Path, simulations: int, instructions: int) -> tuple[float, float, float]:
    """Return how often the interval held the truth, and how far averages and powers were off on average."""
    truth, power = true_score(), true_power()
    rows = [simulate(folder / "job", seed, instructions) for seed in range(simulations)]
    covered = sum(row["score_ci"][0] <= truth <= row["score_ci"][1] for row in rows) / simulations
    return covered, fmean(row["score"] for row in rows) - truth, fmean(row["power"] for row in rows) - power


def test_a_few_simulations_recover_the_truth(tmp_path: Path) -> None:
    covered, score_off, power_off = recovered(tmp_path, simulations=6, instructions=12)
    assert covered >= 0.6
    assert abs(score_off) < 0.15
    assert abs(power_off) < 0.1


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_five_hundred_simulations_recover_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    covered, score_off, power_off = recovered(tmp_path, simulations=500, instructions=30)
    with capsys.disabled():
        print(f"\ncoverage {covered:.3f}; score off by {score_off:+.4f}, power by {power_off:+.4f}")  # noqa: T201
    assert 0.93 <= covered <= 0.97
    assert abs(score_off) < 0.02
    assert abs(power_off) < 0.02
