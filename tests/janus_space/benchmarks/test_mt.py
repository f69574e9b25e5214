"""MT-Bench: two turns, references where they are due, ratings that recover what the answers are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import mt
from tests.endpoint import endpoint
from tests.janus_space.benchmarks.bench_run import lines, report
from tests.judge import ScriptedJudge, is_judging


def questions(folder: Path) -> tuple[Path, Path]:
    """Write four questions in FastChat's form, and references to two of the three that want one."""
    categories = ("writing", "math", "coding", "reasoning")
    rows = [
        {"question_id": 81 + place, "category": name, "turns": [f"First of {name}?", f"Second of {name}?"]}
        for place, name in enumerate(categories)
    ]
    references = [
        {"question_id": number, "choices": [{"index": 0, "turns": [f"Reference {number} A", f"Reference {number} B"]}]}
        for number in (81, 82, 83)
    ]
    for name, found in (("questions.jsonl", rows), ("references.jsonl", references)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return folder / "questions.jsonl", folder / "references.jsonl"


def test_two_turns_rated_with_references(tmp_path: Path) -> None:
    data, references = questions(tmp_path)
    judge = ScriptedJudge(lambda model, told: 8.0 if "Second" not in told else 6.0)
    with endpoint(judge) as served:
        model = f"openai:m@{served.url}"
        order: dict[str, Any] = {"bench": "mt", "model": (model,), "judge": model, "data": str(data)}
        found = report(tmp_path / "job", **order, references=references)
    (row,) = found["rows"]
    assert (row["score"], row["turn_1"], row["turn_2"], row["n"]) == (7.0, 8.0, 6.0, 8)
    assert row["categories"]["math"]["score"] == 7.0
    assert found["reference_guided"] == 2
    assert "1 questions of maths, reasoning and coding have no reference" in (tmp_path / "job" / "log.txt").read_text()

    bodies = [json.loads(body) for body in judge.bodies]
    shown = [body["messages"][-1]["content"] for body in bodies if is_judging(body)]
    assert sum("Reference 82" in prompt for prompt in shown) == 2
    assert not any("Reference 81" in prompt for prompt in shown)  # writing has no right answer
    assert sum("<earlier " in prompt for prompt in shown) == 4
    second = next(body for body in bodies if not is_judging(body) and "Second of math?" in str(body["messages"]))
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    assert second["temperature"] == 0
    assert len(lines(tmp_path / "job" / "answers.jsonl")) == 8


def test_the_hubs_columns_are_understood() -> None:
    row = {"prompt_id": 1, "category": "math", "prompt": ["a", "b"], "reference": ["x", "y"]}
    assert mt.MtQuestion.model_validate(row) == mt.MtQuestion(
        question_id="1", category="math", turns=("a", "b"), reference=("x", "y")
    )


@pytest.mark.parametrize(
    ("order", "told"), [({"model": ("echo:",)}, "--judge"), ({"model": ("echo:",), "judge": "echo:"}, "--data")]
)
def test_an_order_that_cannot_be_carried_out_is_refused(order: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        mt.check(BenchJob(bench="mt", **order))
