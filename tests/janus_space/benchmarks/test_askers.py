"""Whoever answers: a model of this machine, echo:, and one that is gone, which ends nothing but its own part."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.cost import Budget
from data_gen.ledger import Ledger
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.askers import Askers, check_specs
from janus_space.errors import UnknownModel
from tests.endpoint import endpoint, fails
from tests.janus_space.conftest import Local

QUESTION = Request(Conversation.ask("Why?", "Be brief."), Sampling(max_new_tokens=5, seed=1))


def order(*models: str) -> BenchJob:
    return BenchJob(bench="multifaceted", model=models, judge="echo:", timeout_seconds=60)


async def ask(local: Local, folder: Path, spec: str, is_stopped: bool = False) -> tuple[Answer | Failure, int, Askers]:
    async with Ledger(folder / "ledger.sqlite") as ledger:
        askers = Askers(order(spec), local.models, ledger, {}, lambda sentence: None)
        if is_stopped:
            askers.stop()
        async with askers.open(spec, Budget()) as model:
            answer = await model.ask(QUESTION)
        return answer, len(ledger), askers


def test_a_model_of_this_machine_answers_through_the_ledger(local: Local, tmp_path: Path) -> None:
    answer, kept, _ = asyncio.run(ask(local, tmp_path, local.spec))
    assert isinstance(answer, Answer), answer
    assert kept == 1
    again, kept, _ = asyncio.run(ask(local, tmp_path, local.spec))
    assert (again, kept) == (answer, 1)


def test_echo_answers_at_once_and_pays_nothing(local: Local, tmp_path: Path) -> None:
    answer, kept, _ = asyncio.run(ask(local, tmp_path, "echo:"))
    assert isinstance(answer, Answer)
    assert answer.text.startswith("I was told")
    assert kept == 0


def test_stopped_it_asks_nobody(local: Local, tmp_path: Path) -> None:
    for spec in ("echo:", "openai:m@http://127.0.0.1:9/v1"):
        answer, _, _ = asyncio.run(ask(local, tmp_path, spec, is_stopped=True))
        assert isinstance(answer, Failure)
        assert answer.kind == "halted"


def test_a_refused_key_is_no_halt_of_the_job(local: Local, tmp_path: Path) -> None:
    with endpoint(fails(401, "wrong key")) as served:
        answer, _, askers = asyncio.run(ask(local, tmp_path, f"openai:m@{served.url}"))
    assert isinstance(answer, Failure)
    assert askers.halt is None


def test_specs_are_checked_before_a_job_is_made(local: Local) -> None:
    check_specs(order(local.spec, "echo:"), local.models)
    with pytest.raises(UnknownModel):
        check_specs(order("nobody"), local.models)
