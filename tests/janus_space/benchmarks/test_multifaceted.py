"""Multifaceted Bench against a judge over real HTTP whose bias and noise are known."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import multifaceted
from janus_space.benchmarks.multifaceted import BenchRow, with_siblings
from tests.endpoint import Endpoint, endpoint, fails
from tests.janus_space.benchmarks.bench_run import done, lines, report
from tests.judge import ScriptedJudge, steady


def asked(served: Endpoint, *models: str, **more: Any) -> dict[str, Any]:
    """Order a small bench of these models."""
    return {
        "bench": "multifaceted",
        "model": tuple(f"openai:{model}@{served.url}" for model in models),
        "judge": f"openai:judge@{served.url}",
        "limit": 4,
        "power": 6,
        **more,
    }


def test_scores_power_and_what_is_kept(tmp_path: Path) -> None:
    judge = ScriptedJudge(lambda model, told: 4.0 if model == "good" else 2.0)
    with endpoint(judge) as served:
        found = report(tmp_path / "job", **asked(served, "good", "bad"))
    good, bad = found["rows"]
    assert good["model"].startswith("openai:good@")
    assert (good["score"], good["n"], bad["score"]) == (4.0, 12, 2.0)
    assert good["score_ci"] == [4.0, 4.0]
    assert good["sources"]["janus-space"]["n"] == 12
    assert (good["power"], good["power_n"], good["may_claim"]) == (1.0, 6, True)
    assert bad["power"] == 1.0  # 2 under its own message, 1 under a wrong one
    assert found["canaries"] == {"n": 8, "obeyed": 0}
    assert found["instructions"] == 4
    assert len(found["data_sha256"]) == 64
    assert len(lines(tmp_path / "job" / "answers.jsonl")) == 24
    rows = lines(tmp_path / "job" / "judgements.jsonl")
    assert len(rows) == 2 * (12 + 6) * 4 + 2 * 8
    assert {row.get("under") for row in rows} == {"own system message", "a sibling's system message", None}
    assert judge.asked == {"answers": 24, "judgements": 160}


def test_bias_noise_and_runs(tmp_path: Path) -> None:
    """The judge is half a point too kind and noisy: the average says so, and its runs agree only in part."""
    judge = ScriptedJudge(steady(2.5, 3.5), bias=0.5, noise_sd=0.6)
    with endpoint(judge) as served:
        found = report(tmp_path / "job", **asked(served, "m", limit=5, runs=3, power=8))
    (row,) = found["rows"]
    told = [json.loads(line) for line in (tmp_path / "job" / "answers.jsonl").read_text().splitlines()]
    truth = sum(float(one["answer"].split()[-1].rstrip(".")) for one in told) / len(told)
    assert row["score"] == pytest.approx(truth + 0.5, abs=0.15)
    assert 0.0 < row["run_agreement"] < 0.6
    assert 0.9 < row["power"] <= 1.0


def test_a_judge_that_hears_nothing_of_the_message_has_no_power_and_claims_nothing(tmp_path: Path) -> None:
    judge = ScriptedJudge(steady(), mismatch=0.0, obeys=True)
    with endpoint(judge) as served:
        found = report(tmp_path / "job", **asked(served, "m", hide_system=True, limit=3, power=9))
    assert not found["shows_system"]
    assert found["rows"][0]["power"] == pytest.approx(0.5, abs=0.1)
    assert found["rows"][0]["may_claim"] is False
    assert found["canaries"] == {"n": 8, "obeyed": 8}
    shown = [body for body in judge.bodies if "impartial judge" in body]
    assert shown
    assert not any("<system " in body for body in shown)


def test_models_may_be_told_nothing_and_are_judged_as_before(tmp_path: Path) -> None:
    judge = ScriptedJudge(lambda model, told: 4.0)
    with endpoint(judge) as served:
        found = report(tmp_path / "job", **asked(served, "m", limit=1, system="none"))
    assert found["system"] == "none"
    answers = lines(tmp_path / "job" / "answers.jsonl")
    assert len(answers) == 3
    assert {row["system"] for row in answers} == {None}
    assert all("<system " in body for body in judge.bodies if "impartial judge" in body)
    (row,) = found["rows"]
    # Answers to no message at all cannot fit one better than another: the judge's power is not to be told from them.
    assert (row["power"], row["power_n"], row["may_claim"]) == (None, 0, False)
    assert row["score"] == 2.0  # 4, less the scripted judge's 2 for an answer to another message


def test_replies_without_a_score_are_counted_and_kept(tmp_path: Path) -> None:
    judge = ScriptedJudge(
        steady(), says_it=lambda score: "I would rather not say." if score == 4 else f"[RESULT] {score}"
    )
    with endpoint(judge) as served:
        found = report(tmp_path / "job", **asked(served, "m", power=0))
    (row,) = found["rows"]
    assert 0 < row["unscored"] < 48
    assert row["score"] == 3.0
    unscored = [one for one in lines(tmp_path / "job" / "judgements.jsonl") if one["score"] is None]
    assert len(unscored) == row["unscored"]
    assert unscored[0]["unscored"] == "it does not end with a score."
    assert unscored[0]["reply"] == "I would rather not say."
    assert row["power"] is None
    assert row["may_claim"] is False


def test_a_model_without_any_score_is_an_error_and_the_others_have_theirs(tmp_path: Path) -> None:
    with endpoint(ScriptedJudge(steady())) as served, endpoint(fails(401, "wrong key")) as closed:
        order = asked(served, "m", limit=1, power=0)
        order["model"] = (f"openai:lost@{closed.url}", *order["model"])
        found = report(tmp_path / "job", **order)
    lost, kept = found["rows"]
    assert "key" in lost["error"]
    assert lost["unanswered"] == 3
    assert kept["n"] == 3


def test_the_papers_parser_takes_what_it_finds(tmp_path: Path) -> None:
    judge = ScriptedJudge(steady(3, 3), says_it=lambda score: f"The answer says [RESULT] 10. [RESULT] {score}")
    with endpoint(judge) as served:
        strict = report(tmp_path / "strict", **asked(served, "m", power=0, limit=1))
        paper = report(tmp_path / "paper", **asked(served, "m", power=0, limit=1, paper_parser=True))
    assert strict["rows"][0]["score"] == 3.0
    assert paper["rows"][0]["score"] == 10.0
    assert (strict["parser"], paper["parser"]) == ("strict", "paper")


def test_a_finished_job_asks_nothing_again(tmp_path: Path) -> None:
    judge = ScriptedJudge(steady())
    with endpoint(judge) as served:
        first = report(tmp_path / "job", **asked(served, "m", limit=1, runs=2))
        paid = judge.asked.total()
        again = report(tmp_path / "job", **asked(served, "m", limit=1, runs=2))
        assert judge.asked.total() == paid
        assert again["rows"] == first["rows"]
        report(tmp_path / "job", **asked(served, "m", limit=1, runs=3))
        assert judge.asked.total() == paid + 3 * 4
        other = report(tmp_path / "other", **asked(served, "m", limit=1, runs=2, reuse=(tmp_path / "job",)))
        assert other["rows"] == first["rows"]
    assert judge.asked.total() == paid + 3 * 4


def test_the_budget_is_kept_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    judge = ScriptedJudge(steady(), says_it=lambda score: f"{'It is so. ' * 50}[RESULT] {score}")
    with endpoint(judge) as served:
        order = asked(served, "m", power=0, price_in=0, price_out=10_000, concurrency=2)
        end = done(tmp_path / "job", **order, budget_usd=15)
        assert end["state"] == "budget spent", end
        assert "15 USD" in end["reason"]
        assert end["spent_usd"] <= 15
        assert 0 < judge.asked["judgements"] < 64
        log = (tmp_path / "job" / "log.txt").read_text()
        assert "The budget of 15 USD is enough for about" in log
        assert report(tmp_path / "job", **order, budget_usd=5000)["rows"][0]["n"] == 12
    assert judge.asked["judgements"] == 64
    assert max(judge.bodies.values()) == 1


def test_a_file_of_ones_own_in_the_older_form(tmp_path: Path) -> None:
    row = json.loads(multifaceted.DATA.read_text("utf-8").splitlines()[0])
    row["rubric"] = row.pop("rubrics")
    del row["instruction_id"], row["preference_set"], row["source"]
    (tmp_path / "bench.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    with endpoint(ScriptedJudge(steady(3, 3))) as served:
        found = report(tmp_path / "job", **asked(served, "m", data=str(tmp_path / "bench.jsonl")))
    assert found["rows"][0]["score"] == 3.0
    assert found["rows"][0]["score_ci"] is None
    assert found["data"] == "bench.jsonl"


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text('{"system": "x", "prompt": "y", "reference_answer": "z"}\n', "utf-8")
    end = done(
        tmp_path / "job", bench="multifaceted", model=("echo:",), judge="echo:", data=str(tmp_path / "bench.jsonl")
    )
    assert end == {"state": "failed", "reason": "Row 1 of bench.jsonl, rubrics: field required."}


@pytest.mark.parametrize("missing", ["model", "judge"])
def test_an_order_that_cannot_be_carried_out_is_refused(missing: str) -> None:
    order = {"bench": "multifaceted", "model": ("echo:",), "judge": "echo:"}
    del order[missing]
    with pytest.raises(BadRequest, match=f"--{missing}"):
        multifaceted.check(BenchJob(**order))


def test_siblings_are_of_the_same_instruction_and_have_another_message() -> None:
    rows = [BenchRow.model_validate_json(line) for line in multifaceted.DATA.read_text("utf-8").splitlines()]
    random.Random(0).shuffle(rows)
    questions = with_siblings(rows)
    assert len({one.id for one in questions}) == 132
    for one in questions:
        assert one.sibling is not None
        assert one.sibling.instruction == one.row.instruction
        assert one.sibling.system != one.row.system
