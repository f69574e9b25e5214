"""What a benchmark is given to work with, made of models that are running already: no engine of its own to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.asking import Asker
from data_gen.cost import Budget
from data_gen.ledger import Account, Ledger
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.askers import Askers
from janus_space.benchmarks.bench import Bench, Means, Report
from janus_space.judging.judge import Judge
from janus_space.models import Models


@dataclass
class Heard:
    """Hears how a benchmark goes."""

    sentences: list[str] = field(default_factory=list)
    steps: list[tuple[str, int, int]] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def step(self, what: str, done: int, of: int) -> None:
        self.steps.append((what, done, of))


def run(bench: Bench, models: Models, folder: Path, heard: Heard | None = None, **order: Any) -> Report:
    """Check an order and carry it out."""
    asked = BenchJob(bench=bench.name, device="cpu", **order)
    bench.check(asked)
    return asyncio.run(_run(bench, asked, models, folder, heard or Heard()))


async def _run(bench: Bench, order: BenchJob, models: Models, folder: Path, heard: Heard) -> Report:
    folder.mkdir(parents=True, exist_ok=True)
    async with Ledger(folder / "ledger.sqlite") as ledger:
        askers = Askers(order, models, ledger, {}, heard.say)

        def model(spec: str) -> AbstractAsyncContextManager[Asker]:
            return askers.open(spec, Budget(account=Account(ledger, "answers")))

        @asynccontextmanager
        async def judge() -> AsyncIterator[Judge]:
            async with model(order.judge or "") as asker:
                yield Judge(order.judge or "", asker, order.seed)

        return await bench.run(order, Means(folder, heard, model, judge, models))
