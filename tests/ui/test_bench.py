"""The Benchmark tab: the form as a request, the table and the verdicts in HTML."""

from __future__ import annotations

from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_results import Judged, table
from janus_space.ui import bench_wording
from janus_space.ui.bench_form import KNOBS, MORE_KNOBS, QUICK, BenchForm, means_something
from tests.janus_space.test_bench_results import REPORT

EMPTY: tuple[Any, ...] = tuple("" for _ in (*KNOBS, *MORE_KNOBS))


def filled(**given: Any) -> BenchForm:
    fields = {
        "bench": "multifaceted",
        "model": ["echo:"],
        "judge": "echo:",
        "data": "",
        "upload": None,
        "name": "my run",
    }
    return BenchForm.of_values([*(fields | given).values(), *EMPTY])


def test_the_form_is_a_request_and_a_command() -> None:
    form = filled(model=["echo:", "embedded:smollm2"])
    assert form.request().model == ("echo:", "embedded:smollm2")
    quick = form.quick.request()
    assert {name: getattr(quick, name) for name in QUICK} == QUICK
    assert " ".join(form.command()) == (
        "python -m janus_space bench multifaceted --model echo: embedded:smollm2 --judge echo: --out 'my run'"
    )


def test_what_a_benchmark_makes_no_use_of_is_neither_shown_nor_ordered() -> None:
    form = filled(bench="winogender", judge="echo:")
    assert "judge" not in form.values
    assert form.request().judge is None
    assert " ".join(form.quick.command()).startswith("python -m janus_space bench winogender --model echo: --limit 2 ")
    assert not means_something("judge", "steer")
    assert means_something("annotations", "alpaca")
    assert not means_something("annotations", "mt")


def test_what_is_missing_is_told_in_the_words_of_the_form() -> None:
    with pytest.raises(BadRequest, match="“Models to measure”"):
        filled(model=[]).request()
    with pytest.raises(BadRequest, match="“Judge”"):
        filled(judge="").request()


def test_a_sample_says_what_it_can_tell() -> None:
    assert "± 0.392 at worst" in bench_wording.about("multifaceted", 100, [])
    measured = table(REPORT | {"instructions": 4})
    assert "± 0.375, going by an earlier job" in bench_wording.about("multifaceted", 16, [measured])


def test_foreign_text_is_shown_and_never_run() -> None:
    evil = "<img src=x onerror=alert(1)>"
    told = bench_wording.results(
        table({"bench": evil, "rows": [{"model": evil, "error": evil, evil: 1.0}], evil: evil})
    )
    told += bench_wording.one_question(
        Judged("q", evil, evil, {evil: evil}, {evil: [{"score": None, "unscored": evil, "under": evil}]})
    )
    assert "<img" not in told


def test_no_ranking_is_claimed_by_a_weak_judge() -> None:
    weak = REPORT | {"rows": [{"model": "m", "score": 3.0, "may_claim": False}]}
    assert "No ranking" in bench_wording.results(table(weak))
    assert "No ranking" not in bench_wording.results(table(REPORT))
