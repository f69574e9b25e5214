"""Every benchmark by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import (
    alpaca,
    arena_hard,
    mt,
    multifaceted,
    opinions,
    self_attribution,
    steering,
    toxicity,
    winogender,
)
from janus_space.benchmarks.bench import Bench

BENCHES: dict[str, Bench] = {
    bench.name: bench
    for bench in (
        multifaceted.BENCH,
        alpaca.BENCH,
        mt.BENCH,
        arena_hard.BENCH,
        steering.BENCH,
        self_attribution.BENCH,
        toxicity.BENCH,
        winogender.BENCH,
        opinions.BENCH,
    )
}


def bench_of(order: BenchJob) -> Bench:
    """Return the benchmark of an order, which can carry it out; raise `BadRequest` where there is none that can."""
    bench = BENCHES.get(order.bench)
    if bench is None:
        raise BadRequest(f"There is no benchmark {order.bench[:60]!r}; there are {', '.join(BENCHES)}.")
    bench.check(order)
    return bench


def in_words(row: Mapping[str, Any]) -> str:
    """Write a report's row as a line for people: its model and its figures, each with its interval."""
    if "error" in row:
        return f"{row['model']}: {row['error']}"
    told = []
    for name, value in row.items():
        interval = row.get(f"{name}_ci")
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        told.append(f"{name} {value:g}" + (f" ({interval[0]:g} to {interval[1]:g})" if interval else ""))
    return f"{row['model']}: {', '.join(told)}"
