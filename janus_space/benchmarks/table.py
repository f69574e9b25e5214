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
from janus_space.benchmarks.bench import EVERY, Bench

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


def ordered(order: BenchJob) -> Bench:
    """Return the benchmark of an order that a person gives: it may hold nothing that would mean nothing to it."""
    bench = bench_of(order)
    for name, field in BenchJob.model_fields.items():
        if name not in EVERY | bench.uses and getattr(order, name) != field.default:
            flag = f"--{name.replace('_', '-')}"
            raise BadRequest(f"{bench.name} makes no use of {flag}, only {used_by(name)}: leave it out.")
    return bench


def used_by(field: str) -> str:
    """List the benchmarks to which a field of `BenchJob` means something."""
    *others, last = [bench.name for bench in BENCHES.values() if field in bench.uses]
    return f"{', '.join(others)} and {last}" if others else last


def notes() -> dict[str, str]:
    """Say of each field that does not mean something to every benchmark to which it does."""
    return {name: f"for {used_by(name)}" for name in BenchJob.model_fields if name not in EVERY}


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
