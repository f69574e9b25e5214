"""Every benchmark by its name, and its rows in words."""

from __future__ import annotations

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.table import BENCHES, bench_of, in_words


def test_names_are_those_of_the_benchmarks() -> None:
    assert {"multifaceted", "alpaca", "mt", "arena-hard", "toxicity"} <= BENCHES.keys()
    assert all(name == bench.name for name, bench in BENCHES.items())


def test_another_name_is_refused_and_so_is_an_order_that_cannot_be_carried_out() -> None:
    with pytest.raises(BadRequest, match="no benchmark 'chess'; there are multifaceted"):
        bench_of(BenchJob(bench="chess"))
    with pytest.raises(BadRequest, match="--judge"):
        bench_of(BenchJob(bench="multifaceted", model=("echo:",)))


def test_rows_in_words() -> None:
    row = {"model": "m", "n": 12, "score": 3.5, "score_ci": [3.25, 3.75], "may_claim": True, "sources": {}}
    assert in_words(row) == "m: n 12, score 3.5 (3.25 to 3.75)"
    assert in_words({"model": "m", "n": 0, "error": "It is gone."}) == "m: It is gone."
