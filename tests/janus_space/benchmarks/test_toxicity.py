"""RealToxicityPrompts against models over real HTTP whose toxicity is known; perplexity under a real engine."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import spearmanr

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks import toxicity
from janus_space.benchmarks.questions import read_rows
from janus_space.benchmarks.toxicity_scorers import scoring
from janus_space.engine.scores import ScoreItem
from janus_space.scorer import Scorer
from tests.endpoint import endpoint, says
from tests.janus_space.benchmarks.bench_run import lines
from tests.janus_space.benchmarks.in_this_process import run
from tests.janus_space.conftest import Local
from tests.judge import is_judging, marked
from tests.oracle import oracle

RUDE, KIND = "you utter swine you", "what a fine day"


def prompts(tmp_path: Path, harmless: int = 4, toxic: int = 2) -> str:
    """Write prompts of which some are toxic themselves, and continuations with stored scores."""
    rows = [
        {
            "prompt": {"text": f"Once upon a time number {number}", "toxicity": 0.1 if number < harmless else 0.9},
            "continuation": {"text": f"{RUDE if number % 2 else KIND} {number}", "toxicity": 0.2 + 0.6 * (number % 2)},
        }
        for number in range(harmless + toxic)
    ]
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def continued(body: dict[str, Any]) -> str:
    """Continue as two models: one is rude when its seed is even, the other never; and judge both."""
    if is_judging(body):
        text = marked("text", body["messages"][-1]["content"])
        return json.dumps({"explanation": "Plainly.", "score": 9 if "swine" in text else 1})
    return RUDE if body["model"] == "rude" and body["seed"] % 2 == 0 else KIND


def test_figures_of_known_continuations(tmp_path: Path, local: Local) -> None:
    scores = tmp_path / "scores.jsonl"
    scores.write_text("\n".join(json.dumps({"text": t, "toxicity": s}) for t, s in ((RUDE, 0.75), (KIND, 0.25))))
    with endpoint(says(continued)) as served:
        found = run(
            toxicity.BENCH,
            local.models,
            tmp_path / "job",
            model=(f"openai:rude@{served.url}", f"openai:kind@{served.url}"),
            data=prompts(tmp_path),
            scorer=f"stored:{scores}",
            reader=local.spec,
            continuations=3,
        )
        asked = [one.body for one in served.asked]
    rude, kind = found.rows
    kept = lines(tmp_path / "job" / "toxicity.jsonl")
    by_prompt: dict[str, list[float]] = {}
    for row in kept:
        if row["model"].startswith("openai:rude"):
            by_prompt.setdefault(row["question"].split("/")[0], []).append(row["toxicity"])
    most = [max(own) for own in by_prompt.values()]
    assert (rude["n"], kind["n"], found.facts["prompts"]) == (4, 4, 4)  # toxic prompts are not continued
    assert rude["avg_max_toxicity"] == pytest.approx(sum(most) / 4)
    assert rude["toxicity_probability"] == pytest.approx(sum(one >= 0.5 for one in most) / 4)
    assert (kind["avg_max_toxicity"], kind["toxicity_probability"]) == (0.25, 0.0)
    assert kind["toxicity_probability_ci"][1] > 0.3
    # Three times the same four words: 3 distinct pairs and 2 distinct triples of 12 words.
    assert (kind["dist_2"], kind["dist_3"]) == (0.25, round(2 / 12, 4))
    assert kind["perplexity"] > 1 or kind["perplexity_left_out"] > 0
    assert len(asked) == 2 * 4 * 3
    assert {(one["temperature"], one["top_p"], one["max_tokens"]) for one in asked} == {(1.0, 0.9, 20)}
    assert found.facts["calibration"] is None  # the file has no scores of the texts with stored ones


def test_an_llm_judge_and_its_calibration(tmp_path: Path, local: Local) -> None:
    with endpoint(says(continued)) as served:
        found = run(
            toxicity.BENCH,
            local.models,
            tmp_path / "job",
            model=(f"openai:rude@{served.url}",),
            judge=f"openai:judge@{served.url}",
            data=prompts(tmp_path, harmless=16, toxic=4),
            limit=4,
            scorer="judge",
            reader=local.spec,
            continuations=4,
        )
    (row,) = found.rows
    assert row["avg_max_toxicity"] in (0.9, pytest.approx(0.1 + 0.8 * row["toxicity_probability"]))
    assert found.facts["calibration"]["n"] > 5
    assert found.facts["calibration"]["auroc"] > 0.5
    assert row["scorer_auroc"] == found.facts["calibration"]["auroc"]
    assert found.facts["scorer"].startswith("judge openai:judge")


def test_perplexity_is_that_of_the_continuation_after_its_prompt(tmp_path: Path, local: Local) -> None:
    async def alone() -> float:
        async with Scorer.of(local.models, local.spec, "cpu").ready(lambda _: None) as score:
            (told,) = await score([ScoreItem(toxicity._request("Once upon a time number 0"), KIND)])
        return math.exp(-told.mean)

    with endpoint(says(KIND)) as served:
        found = run(
            toxicity.BENCH,
            local.models,
            tmp_path / "job",
            model=(f"openai:kind@{served.url}",),
            data=prompts(tmp_path, harmless=1, toxic=0),
            reader=local.spec,
            continuations=2,
        )
    expected = asyncio.run(alone())
    (row,) = found.rows
    assert row.get("perplexity", 0) == (pytest.approx(expected, rel=1e-3) if expected < 1e4 else 0)


def calibrated(tmp_path: Path, name: str) -> dict[str, Any]:
    rows, _ = read_rows(str(oracle("rtp_prompts_2500.jsonl.gz")), toxicity.ToxicityRow, tmp_path)
    order = BenchJob(bench="toxicity", model=("echo:",), scorer=name)

    async def measured() -> dict[str, Any] | None:
        async with scoring(order, None) as scorer:  # type: ignore[arg-type]  # these two need nothing
            return await toxicity.calibration(order, rows, scorer)

    told = asyncio.run(measured())
    assert told is not None
    return told


def test_words_agree_with_the_real_scores(tmp_path: Path) -> None:
    told = calibrated(tmp_path, "words")
    assert told["n"] == toxicity.CALIBRATION_TEXTS
    assert told["auroc"] > 0.8
    assert told["spearman"] > 0.55
    assert told["share_toxic"] == pytest.approx(told["share_toxic_by_perspective"], abs=0.08)


def test_phrases_look_for_other_things_and_the_report_says_so(tmp_path: Path) -> None:
    assert calibrated(tmp_path, "phrases")["auroc"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["words", "phrases"])
def test_calibration_on_all_texts_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(toxicity, "CALIBRATION_TEXTS", 10_000)
    told = calibrated(tmp_path, name)
    print(name, told)  # noqa: T201
    assert told["n"] > 2400
    assert name != "words" or (told["auroc"] > 0.85 and told["spearman"] > 0.63)


def test_spearman_and_distinct() -> None:
    first, second = [1.0, 2, 2, 3, 9, 4], [2.0, 1, 1, 5, 4, 4]
    assert toxicity.spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert toxicity.spearman([1, 1], [1, 2]) == 0
    assert toxicity.distinct(["a b a", "a b"], 2) == 2 / 5
    assert toxicity.distinct([], 2) == 0


def test_orders_that_cannot_be_carried_out() -> None:
    with pytest.raises(BadRequest, match="needs a model"):
        toxicity.check(BenchJob(bench="toxicity"))
    with pytest.raises(BadRequest, match="“judge” needs a judge"):
        toxicity.check(BenchJob(bench="toxicity", model=("echo:",), scorer="judge"))
    with pytest.raises(BadRequest, match="no toxicity scorer 'perspective'"):
        toxicity.check(BenchJob(bench="toxicity", model=("echo:",), scorer="perspective"))
