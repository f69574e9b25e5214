from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from data_gen.job_request import AugmentRequest
from data_gen.open_teacher import open_teacher
from tests.batch_endpoint import batch_endpoint
from tests.endpoint import endpoint, says

NO_HIERARCHY = Hierarchy(dimensions=())


async def ask(job: Path, *teacher: str, then_stop: bool = False, **fields: Any) -> tuple[list[Any], dict[str, Any]]:
    request = AugmentRequest.read(instructions="x.jsonl", teacher=teacher, **fields)
    async with open_teacher(request, job, NO_HIERARCHY) as opened:
        results: list[Answer | Failure] = [await opened.asker.ask(Request(Conversation.ask("Why?"), Sampling(seed=1)))]
        if then_stop:
            opened.stop()
            results.append(await opened.asker.ask(Request(Conversation.ask("How?"), Sampling(seed=1))))
        return results, opened.figures


def test_an_answer_is_paid_for_once_whichever_endpoint_serves_the_model(tmp_path: Path) -> None:
    with endpoint(says("Because.")) as one, endpoint(says("Because.")) as other:
        for spec in (f"openai:m@{one.url}", f"openai:m@{other.url}"):
            results, figures = asyncio.run(ask(tmp_path, spec, price_in=1.0, price_out=1.0))
            assert results[0].text == "Because."
            assert figures["spent_usd"] > 0
            assert next(iter(figures["concurrency"].values())) >= 16
        assert len(one.asked) + len(other.asked) == 1


def test_after_a_stop_nothing_more_is_asked(tmp_path: Path) -> None:
    with endpoint(says("Because.")) as served:
        results, _ = asyncio.run(ask(tmp_path, f"openai:m@{served.url}", then_stop=True))
        assert isinstance(results[1], Failure)
        assert results[1].kind == "halted"
        assert len(served.asked) == 1


def test_different_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="must serve one model; these are a, b"):
        asyncio.run(ask(tmp_path, "openai:a", "openai:b"))


def test_what_is_no_teacher_is_told_the_form(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="openai:MODEL"):
        asyncio.run(ask(tmp_path, "gpt-4"))


def test_what_another_job_was_told_is_used_and_not_paid_again(tmp_path: Path) -> None:
    with endpoint(says("Because.")) as served:
        asyncio.run(ask(tmp_path / "old", f"openai:m@{served.url}"))
        results, figures = asyncio.run(ask(tmp_path / "new", f"openai:m@{served.url}", reuse=(tmp_path / "old",)))
        assert results[0].text == "Because."
        assert figures["requests"] == 0
        assert len(served.asked) == 1
        with pytest.raises(BadRequest, match=r"no ledger\.sqlite"):
            asyncio.run(ask(tmp_path / "new", f"openai:m@{served.url}", reuse=(tmp_path,)))


def test_rates_are_kept_to(tmp_path: Path) -> None:
    async def all_of(url: str) -> float:
        request = AugmentRequest.read(instructions="x", teacher=(f"openai:m@{url}",), requests_per_minute=600)
        loop = asyncio.get_running_loop()
        async with open_teacher(request, tmp_path, NO_HIERARCHY) as opened:
            began = loop.time()
            asked = (Request(Conversation.ask(f"Why {number}?"), Sampling()) for number in range(30))
            await asyncio.gather(*(opened.asker.ask(one) for one in asked))
            return loop.time() - began

    with endpoint(says("Because.")) as served:
        assert asyncio.run(all_of(served.url)) >= 1.9  # ten at once, then ten a second


def test_a_pause_is_passed_on_once(tmp_path: Path) -> None:
    async def act(url: str) -> None:
        request = AugmentRequest.read(instructions="x", teacher=(f"openai:m@{url}",))
        async with open_teacher(request, tmp_path, NO_HIERARCHY) as opened:
            opened.pause(True)
            asking = asyncio.create_task(opened.asker.ask(Request(Conversation.ask("Why?"), Sampling())))
            await asyncio.sleep(0.2)
            assert opened.is_paused
            assert not asking.done()
            opened.pause(False)
            assert isinstance(await asking, Answer)

    with endpoint(says("Because.")) as served:
        asyncio.run(act(served.url))


def test_batches_are_another_transport_with_the_same_ledger(tmp_path: Path) -> None:
    with batch_endpoint() as server:
        spec = f"openai:m@{server.url}"
        for _ in range(2):
            results, _ = asyncio.run(ask(tmp_path, spec, transport="batch", poll_seconds=0.02))
            assert results[0].text == "Why? Yes."
        results, _ = asyncio.run(ask(tmp_path, spec))
        assert results[0].text == "Why? Yes."
        assert len(server.billed) == 1
