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
from tests.endpoint import endpoint, says

NO_HIERARCHY = Hierarchy(dimensions=())


async def ask(ledger: Path, *teacher: str, then_stop: bool = False, **fields: Any) -> tuple[list[Any], dict[str, Any]]:
    request = AugmentRequest.read(instructions="x.jsonl", teacher=teacher, **fields)
    async with open_teacher(request, ledger, NO_HIERARCHY) as opened:
        results: list[Answer | Failure] = [await opened.asker.ask(Request(Conversation.ask("Why?"), Sampling(seed=1)))]
        if then_stop:
            opened.stop()
            results.append(await opened.asker.ask(Request(Conversation.ask("How?"), Sampling(seed=1))))
        return results, opened.figures


def test_an_answer_is_paid_for_once_whichever_endpoint_serves_the_model(tmp_path: Path) -> None:
    with endpoint(says("Because.")) as one, endpoint(says("Because.")) as other:
        for spec in (f"openai:m@{one.url}", f"openai:m@{other.url}"):
            results, figures = asyncio.run(ask(tmp_path / "l", spec, price_in=1.0, price_out=1.0))
            assert results[0].text == "Because."
            assert figures["spent_usd"] > 0
        assert len(one.asked) + len(other.asked) == 1


def test_after_a_stop_nothing_more_is_asked(tmp_path: Path) -> None:
    with endpoint(says("Because.")) as served:
        results, _ = asyncio.run(ask(tmp_path / "l", f"openai:m@{served.url}", then_stop=True))
        assert isinstance(results[1], Failure)
        assert results[1].kind == "halted"
        assert len(served.asked) == 1


def test_different_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="must serve one model; these are a, b"):
        asyncio.run(ask(tmp_path / "l", "openai:a", "openai:b"))


def test_what_is_no_teacher_is_told_the_form(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="openai:MODEL"):
        asyncio.run(ask(tmp_path / "l", "gpt-4"))
