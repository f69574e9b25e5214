"""Best of N: what is drawn, who is chosen, what is kept, and that no draw is paid for twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.errors import WorkHalted
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.best_of_n import BestOf
from janus_space.benchmarks.keyed_lines import KeyedLines
from janus_space.errors import ScoringRefused
from tests.endpoint import endpoint
from tests.janus_space.benchmarks.bench_run import done, lines, report
from tests.janus_space.test_rewards import reward_run
from tests.judge import ScriptedJudge, is_judging
from tests.tiny_models import tiny_llama

ASKED = Conversation.ask("Why is the sky blue?", "Be brief.")


class Drawn:
    """Answers with the number of the draw; some draws fail."""

    halt: WorkHalted | None = None

    def __init__(self, **failures: Failure) -> None:
        self.failures = {int(name.removeprefix("draw_")): one for name, one in failures.items()}
        self.asked = 0

    async def ask(self, request: Request) -> Answer | Failure:
        self.asked += 1
        return self.failures.get(request.draw) or Answer(f"answer {request.draw}", "stop", 3, request.draw)


async def second_best(conversation: Conversation, answers: Sequence[str]) -> list[float]:
    """Like the answer before the last."""
    assert conversation == ASKED
    return [float(place == len(answers) - 2) for place in range(len(answers))]


def chosen(folder: Path, model: Drawn, temperature: float = 1.0, rate: Any = second_best) -> Answer | Failure:
    with KeyedLines(folder / "draws.jsonl") as kept:
        best = BestOf("m, best of 4", model, rate, 4, kept)
        return asyncio.run(best.ask(Request(ASKED, Sampling(temperature=temperature, seed=7))))


def test_the_best_is_answered_and_all_are_kept_once(tmp_path: Path) -> None:
    assert chosen(tmp_path, Drawn()) == Answer("answer 2", "stop", 3, 2)
    assert chosen(tmp_path, Drawn()) == Answer("answer 2", "stop", 3, 2)
    rows = lines(tmp_path / "draws.jsonl")
    assert [(row["draw"], row["reward"], row["is_chosen"]) for row in rows] == [
        *((1, 0.0, False), (2, 0.0, False), (3, 1.0, True), (4, 0.0, False))
    ]
    assert (rows[0]["model"], rows[0]["system"], rows[0]["answer"]) == ("m, best of 4", "Be brief.", "answer 0")


def test_where_all_answers_would_be_the_same_one_is_drawn(tmp_path: Path) -> None:
    async def only(conversation: Conversation, answers: Sequence[str]) -> list[float]:
        return [0.5 for _ in answers]

    model = Drawn()
    assert chosen(tmp_path, model, temperature=0.0, rate=only) == Answer("answer 0", "stop", 3, 0)
    assert model.asked == 1


def test_without_one_of_the_answers_there_is_none_and_a_halt_comes_first(tmp_path: Path) -> None:
    failed, halted = Failure("failed", "It is gone."), Failure("halted", "The budget is spent.")
    assert chosen(tmp_path, Drawn(draw_3=failed)) == failed
    assert chosen(tmp_path, Drawn(draw_1=failed, draw_2=halted)) == halted

    async def refuses(conversation: Conversation, answers: Sequence[str]) -> list[float]:
        raise ScoringRefused("job:judge cannot rate this.")

    assert chosen(tmp_path, Drawn(), rate=refuses) == Failure("failed", "job:judge cannot rate this.")
    assert (tmp_path / "draws.jsonl").read_text() == ""


def test_draws_and_who_chooses_go_together() -> None:
    with pytest.raises(ValidationError, match="give both --best-of"):
        BenchJob(bench="multifaceted", best_of=4)
    with pytest.raises(ValidationError, match="give both --best-of"):
        BenchJob(bench="multifaceted", reward="job:judge")
    order = BenchJob(bench="multifaceted", model=("a", "b"), best_of=4, reward="job:judge")
    assert order.measured == ("a, best of 4", "b, best of 4")
    assert BenchJob(bench="multifaceted", model=("a", "b")).measured == ("a", "b")


class Seeded(ScriptedJudge):
    """Another seed gives another answer."""

    def answer(self, body: dict[str, Any]) -> str:
        told = super().answer(body)
        return told if is_judging(body) else f"{told} Drawn with seed {body['seed']}."


@pytest.mark.timeout(300)
def test_a_job_judges_what_the_reward_model_chose_and_pays_for_no_draw_twice(tmp_path: Path, janus_home: Path) -> None:
    reward_run(janus_home, tiny_llama(tmp_path / "llama"))
    judge = Seeded(lambda model, told: 3.0)
    with endpoint(judge) as served:
        model = f"openai:m@{served.url}"
        job = {"bench": "multifaceted", "model": (model,), "judge": f"openai:j@{served.url}", "limit": 1, "power": 0}
        report(tmp_path / "plain", **job)
        assert judge.asked["answers"] == 3
        run = f"path:{janus_home / 'jobs/train/judge'}"
        found = report(tmp_path / "best", **job, best_of=3, reward=run, reuse=(tmp_path / "plain",))
        assert judge.asked["answers"] == 3 + 3 * 2
        gone = done(tmp_path / "gone", **job, best_of=4, reward="job:nobody")
    (row,) = found["rows"]
    assert (row["model"], row["n"], row["score"]) == (f"{model}, best of 3", 3, 3.0)
    assert (found["best_of"], found["reward"]) == (3, run)
    draws = lines(tmp_path / "best" / "draws.jsonl")
    assert len(draws) == 9
    best = {row["system"]: row for row in sorted(draws, key=lambda row: row["reward"])}
    answers = {row["system"]: row for row in lines(tmp_path / "best" / "answers.jsonl")}
    assert {system: row["answer"] for system, row in best.items()} == {
        system: row["answer"] for system, row in answers.items()
    }
    assert {row["model"] for row in answers.values()} == {f"{model}, best of 3"}
    assert all(row["is_chosen"] for row in best.values())
    plain = {row["system"]: row["answer"] for row in lines(tmp_path / "plain" / "answers.jsonl")}
    assert {row["system"]: row["answer"] for row in draws if row["draw"] == 1} == plain
    assert gone["state"] == "failed"
    assert "'job:nobody' is no reward model" in json.dumps(gone["reason"], ensure_ascii=False)
