"""Every benchmark by its name, and its rows in words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import EVERY
from janus_space.benchmarks.table import BENCHES, bench_of, in_words, notes, ordered
from tests.contracts.tree import ROOT, parsed


def test_names_are_those_of_the_benchmarks() -> None:
    assert {"multifaceted", "alpaca", "mt", "arena-hard", "toxicity"} <= BENCHES.keys()
    assert all(name == bench.name for name, bench in BENCHES.items())


def test_another_name_is_refused_and_so_is_an_order_that_cannot_be_carried_out() -> None:
    with pytest.raises(BadRequest, match="no benchmark 'chess'; there are multifaceted"):
        bench_of(BenchJob(bench="chess"))
    with pytest.raises(BadRequest, match="--judge"):
        bench_of(BenchJob(bench="multifaceted", model=("echo:",)))


@pytest.mark.parametrize("name", BENCHES)
def test_without_a_model_nothing_is_measured(name: str) -> None:
    with pytest.raises(BadRequest, match="--model"):
        bench_of(BenchJob(bench=name))


def test_a_field_that_means_nothing_to_a_benchmark_is_refused_with_those_to_which_it_does() -> None:
    with pytest.raises(
        BadRequest, match="steer makes no use of --judge, only multifaceted, alpaca, mt, arena-hard and"
    ):
        ordered(BenchJob(bench="steer", model=("echo:",), judge="echo:"))
    with pytest.raises(BadRequest, match="mt makes no use of --power, only multifaceted: leave it out"):
        ordered(BenchJob(bench="mt", model=("echo:",), judge="echo:", data="x", power=7))
    order = BenchJob(bench="multifaceted", model=("echo:",), judge="echo:", power=7)
    assert ordered(order) is BENCHES["multifaceted"]


def test_a_benchmark_reads_no_field_that_it_does_not_declare_and_every_field_is_read_by_one() -> None:
    fields = BenchJob.model_fields.keys()
    files = {bench.name: Path(bench.run.__code__.co_filename) for bench in BENCHES.values()}
    for name, file in files.items():
        assert file.parent == ROOT / "janus_space" / "benchmarks"
        read = {
            node.attr
            for node in ast.walk(parsed(file))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "order"
        }
        assert read & {"model", "measured"}
        assert read & fields <= EVERY | BENCHES[name].uses, name
    assert notes().keys() == fields - EVERY
    assert notes()["continuations"] == "for toxicity"


def test_rows_in_words() -> None:
    row = {"model": "m", "n": 12, "score": 3.5, "score_ci": [3.25, 3.75], "may_claim": True, "sources": {}}
    assert in_words(row) == "m: n 12, score 3.5 (3.25 to 3.75)"
    assert in_words({"model": "m", "n": 0, "error": "It is gone."}) == "m: It is gone."
