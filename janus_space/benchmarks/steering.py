"""Steerability as a benchmark: the verb `steer`, kept as a job beside the others."""

from __future__ import annotations

from pathlib import Path

from janus_space import steer, steer_data
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Bench, Means, Report, refuse_without
from janus_space.benchmarks.self_attribution import HELD_OUT
from janus_space.scorer import Scorer


def _check(order: BenchJob) -> None:
    refuse_without(order, "The steer bench", {"model": "a model of this machine, such as embedded:smollm2"})
    steer_data.read(_file(order))


async def _run(order: BenchJob, means: Means) -> Report:
    data = steer_data.read(_file(order), order.limit)

    def tell(event: steer.SteerEvent) -> None:
        if isinstance(event, steer.Steering):
            means.tell.step(f"answers of {event.model} read", event.done, event.of)

    scorers = [Scorer.of(means.models, spec, order.device) for spec in order.model]
    rows = [steer.row(one) for one in await steer.steer(scorers, data, order.seed, tell)]
    return Report(rows, {"data": _file(order).name, "left_out": data.left_out})


def _file(order: BenchJob) -> Path:
    return HELD_OUT if order.data is None else Path(order.data)


BENCH = Bench("steer", "how far models follow system messages, from log-probabilities; no judge", _check, _run)
