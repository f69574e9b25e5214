"""Arena-Hard end to end: two games a question, a baseline from a model or a file, and no profit from a place."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import arena_hard
from janus_space.benchmarks.arena_hard import ArenaQuestion, _StoredAnswer
from tests.endpoint import endpoint
from tests.janus_space.benchmarks.bench_run import lines, report
from tests.judge import ScriptedJudge

STRENGTH = {"strong": 4.6, "even": 4.0, "base": 4.0}


def quality(model: str, told: str) -> float:
    return STRENGTH[model] + random.Random(model + told).gauss(0, 0.5)


def questions(folder: Path, count: int = 16) -> str:
    rows = [{"uid": f"q{number}", "cluster": "sums", "prompt": f"What is {number} + 1?"} for number in range(count)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(folder / "questions.jsonl")


def test_both_orders_take_the_bias_for_a_place_out_of_the_score(tmp_path: Path) -> None:
    judge = ScriptedJudge(quality, bias=0.8)
    with endpoint(judge) as served:
        names = {name: f"openai:{name}@{served.url}" for name in STRENGTH}
        found = report(
            tmp_path / "job",
            bench="arena-hard",
            model=(names["strong"], names["even"]),
            judge=names["base"],
            baseline=names["base"],
            data=questions(tmp_path),
        )
    strong, even = found["rows"]
    assert (even["n"], even["games"]) == (16, 32)
    assert even["score_ci"][0] < 50 < even["score_ci"][1]
    assert strong["score"] > 60 > even["score"]
    assert found["place_bias"] > 0.5
    kept = lines(tmp_path / "job" / "judgements.jsonl")
    assert len(kept) == 64
    one_order = [row for row in kept if row["model"] == names["even"] and row["model_stands"] == "first"]
    won = sum(row["score"].startswith("A>") for row in one_order) / len(one_order)
    assert won > 0.7  # what the judge would have said of an equal model, had it played in one order only
    assert sum(strong["verdicts"].values()) == 32


def test_a_baseline_from_a_file_of_the_original(tmp_path: Path) -> None:
    rows = [
        {
            "uid": f"q{number}",
            "model": "gpt-4-0314",
            "messages": [{"role": "user"}, {"content": {"answer": "of quality 9.0"}}],
        }
        for number in range(3)
    ]
    (tmp_path / "base.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with endpoint(ScriptedJudge(quality)) as served:
        model = f"openai:strong@{served.url}"
        found = report(
            tmp_path / "job",
            bench="arena-hard",
            model=(model,),
            judge=model,
            baseline=str(tmp_path / "base.jsonl"),
            data=questions(tmp_path),
        )
    (row,) = found["rows"]
    assert (row["n"], row["score"]) == (3, 0.0)
    assert row["verdicts"]["clear loss"] == 6


@pytest.mark.parametrize(
    "row",
    [
        {"question_id": 1, "choices": [{"turns": [{"content": "Yes."}]}]},
        {"question_id": 1, "choices": [{"turns": ["Yes."]}]},
        {"uid": "1", "messages": [{"role": "user", "content": "?"}, {"content": {"answer": "Yes."}}]},
        {"id": 1, "output": "Yes."},
    ],
)
def test_the_shapes_of_stored_answers(row: dict[str, Any]) -> None:
    found = _StoredAnswer.model_validate(row)
    assert (found.id, found.answer) == ("1", "Yes.")


def test_questions_of_the_older_file() -> None:
    row = {"question_id": "a", "cluster": "c", "turns": [{"content": "Why?"}]}
    assert ArenaQuestion.model_validate(row).prompt == "Why?"


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"model": ("echo:",)}, "--judge"),
        ({"model": ("echo:",), "judge": "echo:"}, "--data"),
        ({"model": ("echo:",), "judge": "echo:", "data": "x"}, "--baseline"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(order: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        arena_hard.check(BenchJob(bench="arena-hard", **order))
