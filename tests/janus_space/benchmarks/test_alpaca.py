"""AlpacaEval from stored judgements, and end to end against a judge over real HTTP and one that tells its odds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import alpaca
from tests.endpoint import endpoint, says
from tests.janus_space.benchmarks.bench_run import lines, report
from tests.janus_space.benchmarks.in_this_process import run
from tests.janus_space.benchmarks.simulated_judgements import Arena
from tests.janus_space.conftest import Local
from tests.judge import is_judging, marked
from tests.oracle import oracle


def questions(tmp_path: Path, count: int) -> str:
    path = tmp_path / "questions.jsonl"
    rows = [
        {"instruction": f"Question {number}?", "output": "The baseline says so." + " Indeed." * number}
        for number in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def stored(tmp_path: Path, arena: Arena) -> Path:
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(arena.files))
    return path


def test_one_row_a_model_from_stored_judgements(tmp_path: Path) -> None:
    arena = Arena(instructions=150)
    arena.add_field(6)
    del arena.files["model-2"]["rows"][10]
    found = report(tmp_path / "job", bench="alpaca", annotations=stored(tmp_path, arena))
    assert [row["model"] for row in found["rows"]] == list(arena.files)
    for row in found["rows"]:
        low, high = row["lc_win_rate_ci"]
        assert 0 < low < row["lc_win_rate"] < high < 100
        assert row["win_rate_ci"][0] <= row["win_rate"] < row["win_rate_ci"][1]
    assert found["rows"][0]["n"] == 150
    assert (found["rows"][2]["n"], found["rows"][2]["missing"]) == (149, 1)
    assert "lc_win_rate_by_instruction" in found["rows"][2]
    assert "missing" not in found["rows"][0]
    (row,) = report(tmp_path / "one", bench="alpaca", annotations=stored(tmp_path, arena), model=("model-3",))["rows"]
    assert row == found["rows"][3]


def test_published_figures_in_the_file_are_not_looked_at(tmp_path: Path) -> None:
    arena = Arena(instructions=60)
    arena.add_field(3)
    before = report(tmp_path / "a", bench="alpaca", annotations=stored(tmp_path, arena))
    for entry in arena.files.values():
        entry |= {"win_rate": 99.0, "lc_win_rate": 98.0, "avg_length": "long"}
    after = report(tmp_path / "b", bench="alpaca", annotations=stored(tmp_path, arena))
    assert before["rows"] == after["rows"]


def test_the_whole_leaderboard_file(tmp_path: Path) -> None:
    path = oracle("alpaca_eval_annotations.json.gz")
    found = report(tmp_path / "job", bench="alpaca", annotations=path)
    assert len(found["rows"]) == 39
    assert found["instructions"] == 805


def preferring_long(body: dict[str, Any]) -> str:
    """Answer as a model, and as a judge that sees quality by a word and, where it sees none, takes the first."""
    if not is_judging(body):
        return "A splendid answer." if body["model"] == "good" else "An answer."
    prompt = body["messages"][-1]["content"]
    splendid = ["splendid" in marked(name, prompt) for name in ("answer-a", "answer-b")]
    verdict = "A>B" if splendid[0] >= splendid[1] else "B>>A"
    return json.dumps({"explanation": "As I see it.", "verdict": verdict})


def test_end_to_end_with_verdicts_in_both_orders(tmp_path: Path) -> None:
    with endpoint(says(preferring_long)) as served:
        found = report(
            tmp_path / "job",
            bench="alpaca",
            model=(f"openai:good@{served.url}", f"openai:plain@{served.url}"),
            judge=f"openai:judge@{served.url}",
            data=questions(tmp_path, 12),
            limit=8,
        )
    good, plain = found["rows"]
    assert (good["n"], good["win_rate"], good["unscored"]) == (8, 100.0, 0)
    # A judge that only likes the first place is taken for what it is.
    assert plain["win_rate"] == 50.0
    assert found["preferences"] == "verdicts"
    assert found["models_that_tell_ease"] == 1
    rows = lines(tmp_path / "job" / "judgements.jsonl")
    assert len(rows) == 2 * 8 * 2
    assert {row["ours_is_read"] for row in rows} == {"first", "second"}


def test_other_models_judgements_tell_how_easy_the_instructions_are(tmp_path: Path) -> None:
    arena = Arena(instructions=12)
    arena.add_field(5)
    with endpoint(says(preferring_long)) as served:
        found = report(
            tmp_path / "job",
            bench="alpaca",
            model=(f"openai:plain@{served.url}",),
            judge=f"openai:judge@{served.url}",
            data=questions(tmp_path, 12),
            annotations=stored(tmp_path, arena),
        )
    assert [row["model"] for row in found["rows"]] == [f"openai:plain@{served.url}"]
    assert found["models_that_tell_ease"] == 5


def test_a_judge_that_gives_no_verdict_gives_no_figure(tmp_path: Path) -> None:
    with endpoint(says("I would rather not say.")) as served:
        found = report(
            tmp_path / "job",
            bench="alpaca",
            model=(f"openai:m@{served.url}",),
            judge=f"openai:judge@{served.url}",
            data=questions(tmp_path, 2),
        )
    (row,) = found["rows"]
    assert row["n"] == 0
    assert "win_rate" not in row
    assert "no verdict" in row["error"]


def test_a_local_judge_tells_its_odds(tmp_path: Path, local: Local) -> None:
    found = run(
        alpaca.BENCH,
        local.models,
        tmp_path / "job",
        model=("echo:",),
        judge=local.spec,
        data=questions(tmp_path, 3),
        max_new_tokens=20,
    )
    (row,) = found.rows
    assert row["n"] == 3
    assert found.facts["preferences"] == "odds of the judge's letter"
    scores = [one["score"] for one in lines(tmp_path / "job" / "judgements.jsonl")]
    assert len(scores) == 6
    assert all(0 < score < 1 and score != 0.5 for score in scores)


def test_orders_that_cannot_be_carried_out(tmp_path: Path) -> None:
    for order in ({}, {"model": ("echo:",)}, {"judge": "echo:"}):
        with pytest.raises(BadRequest, match="needs stored judgements"):
            alpaca.check(BenchJob(bench="alpaca", **order))
    arena = Arena(instructions=5)
    arena.add_field(2)
    with pytest.raises(BadRequest, match="no judgements of 'other', only of model-0, model-1"):
        alpaca.check(BenchJob(bench="alpaca", annotations=stored(tmp_path, arena), model=("other",)))
