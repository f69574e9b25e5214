"""Questions to the judge of a benchmark: in order, kept once, and their cost told before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import WorkHalted
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Means
from janus_space.benchmarks.judgements import judge_all, tell_cost
from janus_space.judging.judge import Judgement
from tests.janus_space.benchmarks.bench_run import lines
from tests.janus_space.benchmarks.in_this_process import Heard


def means(folder: Path) -> tuple[Means, Heard]:
    heard = Heard()
    return Means(folder, heard, None, None, None), heard  # type: ignore[arg-type]


def order(**more: Any) -> BenchJob:
    return BenchJob(bench="multifaceted", judge="j", concurrency=3, **more)


async def judged(task: int) -> Judgement[int]:
    await asyncio.sleep(0.01 * (5 - task))
    if task == 4:
        return Judgement("k4", None, "", "", "It timed out.")
    return Judgement(f"k{task}", task, "Because.", "…") if task != 3 else Judgement("k3", None, "", "Hm.", "no score.")


def test_judgements_come_in_the_order_of_the_tasks_and_are_kept_once(tmp_path: Path) -> None:
    given, heard = means(tmp_path)
    for _ in range(2):
        found = asyncio.run(judge_all(order(), given, "games", [1, 2, 3, 4], judged, lambda task: {"question": task}))
        assert [one.verdict for one in found] == [1, 2, None, None]
    kept = lines(tmp_path / "judgements.jsonl")
    assert {row["question"] for row in kept} == {1, 2, 3}  # what was never answered is asked again
    assert next(row for row in kept if row["question"] == 3)["unscored"] == "no score."
    assert heard.steps[-1] == ("games", 4, 4)


def test_a_halt_is_raised_after_what_is_in_flight_is_kept(tmp_path: Path) -> None:
    async def ask(task: int) -> Judgement[int]:
        if task == 1:
            await asyncio.sleep(0.005)
            raise WorkHalted("No money.")
        return await judged(2)

    given, _ = means(tmp_path)
    with pytest.raises(WorkHalted, match="No money"):
        asyncio.run(judge_all(order(), given, "games", [1, 2, 3, 4, 5, 6], ask, lambda task: {"question": task}))
    assert {row["question"] for row in lines(tmp_path / "judgements.jsonl")} == {2, 3}


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ({}, "what they cost is not known"),
        ({"price_in": 1.0, "price_out": 2.0}, "USD."),
        ({"price_in": 1000.0, "price_out": 0.0, "budget_usd": 1.0}, "The budget of 1 USD is enough for about"),
    ],
)
def test_the_cost_is_told_before(tmp_path: Path, prices: dict[str, float], told: str) -> None:
    given, heard = means(tmp_path)
    tell_cost(order(**prices), given, ["What is this worth? " * 50] * 4, times=2)
    (sentence,) = heard.sentences
    assert sentence.startswith("The judge is asked about 8 questions")
    assert told in sentence
