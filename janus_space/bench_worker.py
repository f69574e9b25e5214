"""`python -m janus_space.bench_worker FOLDER`: does the benchmark job of a folder.

ledger.sqlite      every answer and judgement that was paid for
answers.jsonl      the models' answers, judgements.jsonl the judge's verdicts: a row each, as they came
draws.jsonl        where the best of several answers counts: all of them, with their rewards
report.json        the result, written when everything is judged
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

from data_gen.cost import Budget
from data_gen.errors import BadRequest, BudgetSpent, WorkHalted
from data_gen.job_folder import JobFolder
from data_gen.ledger import Account, Ledger
from data_gen.open_teacher import LEDGER
from data_gen.stop_signals import stopping_on_signals
from janus_space.bench_order import KEYS, BenchJob
from janus_space.benchmarks.askers import Askers
from janus_space.benchmarks.bench import Means, Model, Report
from janus_space.benchmarks.best_of_n import choosing
from janus_space.benchmarks.table import bench_of
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.job import write_json
from janus_space.jobs import Jobs
from janus_space.judging.judge import Judge
from janus_space.models import Models
from janus_space.rewards import RewardModel
from janus_space.work_job import work_job

_LOOK_EVERY_SECONDS = 0.5
_TELL_EVERY_SECONDS = 10.0


def main(argv: list[str]) -> int:
    """Do the job; what became of it stands in its folder."""
    folder = JobFolder(Path(argv[0]))
    order = BenchJob.model_validate_json((folder.path / "request.json").read_text("utf-8"))
    keys = json.loads(os.environ.pop(KEYS, "{}"))
    return work_job(folder, order, lambda: _bench(order, folder, keys))


class Progress:
    """Tells how it goes: every step in memory, a few of them in events.jsonl and log.txt."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._latest: dict[str, Any] | None = None
        self._said_at = time.monotonic()

    def say(self, sentence: str) -> None:
        """Tell a person something."""
        self._folder.log(sentence)

    def step(self, what: str, done: int, of: int) -> None:
        """Note how far it is."""
        self._latest = {"what": what, "done": done, "of": of}

    def tell(self, budget: Budget) -> None:
        """Write down the newest step, if there is one."""
        if self._latest is None:
            return
        step, self._latest = self._latest, None
        self._folder.event("progress", **step, spent_usd=budget.figures.spent_usd)
        if time.monotonic() - self._said_at > _TELL_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._folder.log(f"{step['done']} of {step['of']} {step['what']}")


async def _bench(order: BenchJob, folder: JobFolder, keys: Mapping[str, str]) -> dict[str, Any]:
    bench = bench_of(order)
    if order.budget_usd is not None and (remote := [spec for spec in order.model if spec.startswith("openai:")]):
        folder.log(f"The budget is the judge's: what {', '.join(remote)} may charge for answers is not counted.")
    progress = Progress(folder)
    home = Home.at(None)
    with closing(EnginePool(home)) as engines:
        async with _ledger(order, folder) as ledger:
            models = Models(home, engines)
            askers = Askers(order, models, ledger, keys, folder.log)
            budget = Budget(order.budget_usd, order.known_prices, Account(ledger, "judge"))
            means = _means(order, folder, progress, askers, budget, models, ledger)
            watching = asyncio.create_task(_watch(folder, askers, progress, budget))
            try:
                with stopping_on_signals(askers.stop):
                    report = await bench.run(order, means)
            except WorkHalted as halt:
                return _halted(halt, askers, budget)
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
                progress.tell(budget)
            return _done(order, report, folder, budget)


@asynccontextmanager
async def _ledger(order: BenchJob, folder: JobFolder) -> AsyncIterator[Ledger]:
    """Open the job's ledger, and beside it those of the jobs whose answers are used again."""
    async with AsyncExitStack() as held:
        others = []
        for other in order.reuse:
            if not (other / LEDGER).is_file():
                raise BadRequest(f"--reuse: {other} is not the folder of a job that asked anybody; it has no {LEDGER}.")
            others.append(await held.enter_async_context(Ledger(other / LEDGER, is_writer=False)))
        ledger = await held.enter_async_context(Ledger(folder.path / LEDGER, others=others))
        if ledger.warning:
            folder.log(ledger.warning)
        yield ledger


def _means(
    order: BenchJob,
    folder: JobFolder,
    progress: Progress,
    askers: Askers,
    budget: Budget,
    models: Models,
    ledger: Ledger,
) -> Means:
    reward = None if order.reward is None else RewardModel.named(Jobs(models.home), order.reward)
    specs = dict(zip(order.measured, order.model, strict=True))

    @asynccontextmanager
    async def model(name: str) -> AsyncIterator[Model]:
        async with askers.open(specs.get(name, name), Budget(account=Account(ledger, "answers"))) as opened:
            if reward is None or name not in specs:
                yield opened
            else:
                async with choosing(name, opened, reward, order.best_of, folder.path, progress) as best:
                    yield best

    @asynccontextmanager
    async def judge() -> AsyncIterator[Judge]:
        assert order.judge is not None, "the benchmark's check must have refused an order without a judge"
        async with askers.open(order.judge, budget) as asker:
            yield Judge(order.judge, asker, order.seed, order.paper_parser, order.judge_tokens)

    return Means(folder.path, progress, model, judge, models, lambda: askers.is_stopped)


async def _watch(folder: JobFolder, askers: Askers, progress: Progress, budget: Budget) -> None:
    """Tell how it goes until cancelled, and pass on the wishes to stop, to pause and to go on."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        if folder.is_asked_to_stop:
            askers.stop()
        askers.pause(folder.is_asked_to_pause)
        progress.tell(budget)


def _halted(halt: WorkHalted, askers: Askers, budget: Budget) -> dict[str, Any]:
    """Say why it ended before its end; all that was answered is kept."""
    halt = askers.halt or halt  # the asker's own says what kind it is
    state = "stopped" if askers.is_stopped else "budget spent" if isinstance(halt, BudgetSpent) else "halted"
    reason = None if state == "stopped" else str(halt)
    return {"state": state, "reason": reason, "spent_usd": budget.figures.spent_usd}


def _done(order: BenchJob, report: Report, folder: JobFolder, budget: Budget) -> dict[str, Any]:
    figures = budget.figures
    paid = {"spent_usd": figures.spent_usd, "lost_usd": figures.lost_usd, "judge_requests": figures.requests}
    chosen = {} if order.reward is None else {"best_of": order.best_of, "reward": order.reward}
    found = {"bench": order.bench, "rows": report.rows, **report.facts, **chosen, **paid}
    write_json(folder.path / "report.json", found)
    return {"state": "done", "report": str(folder.path / "report.json"), **paid}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
