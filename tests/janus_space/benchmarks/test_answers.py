"""Models' answers: each kept once, one that fails costs the others nothing, and a halt lets what is in flight land."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation
from data_gen.errors import TeacherGone, WorkHalted
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.answers import Answers, Asked, answer_all, sampling_of
from janus_space.benchmarks.bench import Means
from tests.janus_space.benchmarks.bench_run import lines
from tests.janus_space.benchmarks.in_this_process import Heard

ORDER = BenchJob(bench="multifaceted", model=("m",), judge="j", concurrency=4, max_new_tokens=99, seed=5)


class Model:
    """Answers with the question, slowly; refuses, or halts, where the question says so."""

    def __init__(self) -> None:
        self.halt: WorkHalted | None = None
        self.landed: list[str] = []

    async def ask(self, request: Request) -> Answer | Failure:
        asked = request.conversation.messages[-1].content
        if "refuse" in asked:
            return Failure("failed", "It refused.")
        if "halt" in asked:
            return Failure("halted", "No money.")
        await asyncio.sleep(0.02)
        self.landed.append(asked)
        return Answer(f"You asked: {asked}", "stop", 3, 4)


def answers(folder: Path, model: Model, *questions: str) -> tuple[Answers, Heard]:
    @asynccontextmanager
    async def opened(spec: str) -> AsyncIterator[Model]:
        yield model

    heard = Heard()
    means = Means(folder, heard, opened, None, None)  # type: ignore[arg-type]
    asked = [Asked(one, Conversation.ask(one, "Be brief."), sampling_of(ORDER, one)) for one in questions]
    return asyncio.run(answer_all(ORDER, means, "m", asked)), heard


def test_every_question_has_an_answer_or_a_reason(tmp_path: Path) -> None:
    found, heard = answers(tmp_path, Model(), "a", "refuse", "b")
    assert {name: answer.text for name, answer in found.given.items()} == {"a": "You asked: a", "b": "You asked: b"}
    assert found.failed == {"refuse": "It refused."}
    assert heard.sentences == ["m has no answer to 1 of 3: It refused."]
    assert heard.steps[-1] == ("answers of m", 3, 3)
    answers(tmp_path, Model(), "a", "b", "c")
    assert [row["question"] for row in lines(tmp_path / "answers.jsonl")] == ["a", "b", "c"]
    assert lines(tmp_path / "answers.jsonl")[0]["tokens"] == 4


def test_a_halt_ends_the_work_after_what_is_in_flight(tmp_path: Path) -> None:
    model = Model()
    with pytest.raises(WorkHalted, match="No money"):
        answers(tmp_path, model, "a", "b", "halt", "c", *map(str, range(20)))
    assert set(model.landed) >= {"a", "b", "c"}
    assert len(model.landed) < 10
    assert {row["question"] for row in lines(tmp_path / "answers.jsonl")} == set(model.landed)


def test_a_model_that_is_gone_fails_alone(tmp_path: Path) -> None:
    model = Model()
    model.halt = TeacherGone("Nobody is left.")
    found, _ = answers(tmp_path, model, "halt")
    assert found.failed == {"halt": "No money."}


def test_sampling_is_the_papers_with_a_seed_of_the_questions_own() -> None:
    one, other = sampling_of(ORDER, "a"), sampling_of(ORDER, "b")
    assert (one.temperature, one.top_p, one.repetition_penalty, one.max_new_tokens) == (1.0, 0.9, 1.03, 99)
    assert one.seed != other.seed
    assert one == sampling_of(ORDER, "a")
