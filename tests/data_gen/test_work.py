"""Many requests: each is answered once, failures stay alone, memory is bounded, pause and stop keep what is paid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.cost import Budget, Prices
from data_gen.errors import TeacherGone
from data_gen.ledger import Ledger
from data_gen.openai_completion import Address
from data_gen.teacher import Limits, Teacher
from data_gen.work import Outcome, Work, ask_all, each
from tests.endpoint import Asked, Endpoint, endpoint, fails, says
from tests.faulty_teacher import completion


def questions(count: int) -> Iterator[Request]:
    return (Request(Conversation.ask(f"Question {number}?"), Sampling()) for number in range(count))


def with_work(server: Endpoint, path: Path, act: Callable[[Work, Ledger], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        limits = Limits(timeout_seconds=1, first_pause_seconds=0.01, attempts=2)
        async with (
            Teacher("m", [Address(server.url)], limits) as teacher,
            Ledger(path) as ledger,
            Work(teacher, ledger, Budget()) as work,
        ):
            return await act(work, ledger)

    return asyncio.run(run())


async def all_of(work: Work, count: int, concurrency: int = 10) -> list[Outcome]:
    return [outcome async for outcome in ask_all(questions(count), work, concurrency)]


async def take_all(stream: AsyncIterator[Outcome], outcomes: list[Outcome]) -> None:
    async for outcome in stream:
        outcomes.append(outcome)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_everything_is_answered_and_asked_but_once_in_all_runs(path: Path) -> None:
    with endpoint(says(lambda body: body["messages"][-1]["content"])) as server:
        for _ in range(2):
            outcomes = with_work(server, path, lambda work, ledger: all_of(work, 100))
            assert sorted(outcome.result.text for outcome in outcomes) == sorted(f"Question {n}?" for n in range(100))
            assert all(outcome.request.conversation.messages[0].content == outcome.result.text for outcome in outcomes)
            assert len(server.asked) == 100


def test_the_same_request_twice_at_once_is_asked_once(path: Path) -> None:
    with endpoint(says("Yes.", seconds_before=0.1)) as server:

        async def act(work: Work, ledger: Ledger) -> list[Answer | Failure]:
            return await asyncio.gather(*(work.ask(next(questions(1))) for _ in range(30)))

        assert with_work(server, path, act) == [Answer("Yes.", "stop", 7, 1)] * 30
        assert len(server.asked) == 1


def test_one_that_fails_stops_no_other_and_is_asked_again_next_time(path: Path) -> None:
    async def picky(request: HttpRequest, asked: Asked) -> Response:
        poison = asked.body["messages"][-1]["content"].endswith("7?")
        return await (fails(400, "cannot") if poison else says("Yes."))(request, asked)

    with endpoint(picky) as server:
        outcomes = with_work(server, path, lambda work, ledger: all_of(work, 100))
        failures = [outcome for outcome in outcomes if isinstance(outcome.result, Failure)]
        assert len(outcomes) == 100
        assert len(failures) == 10
        assert all(failure.result.kind == "failed" and "cannot" in failure.result.reason for failure in failures)
        with_work(server, path, lambda work, ledger: all_of(work, 100))
        assert len(server.asked) == 110


def test_a_dead_teacher_halts_with_its_sentence_and_the_rest_is_not_tried(path: Path) -> None:
    with endpoint(*[says("Yes.")] * 30, fails(401, "no")) as server:

        async def act(work: Work, ledger: Ledger) -> tuple[list[Outcome], int]:
            outcomes: list[Outcome] = []
            with pytest.raises(TeacherGone, match="asks for an API key"):
                await take_all(ask_all(questions(1000), work, 10), outcomes)
            return outcomes, len(ledger)

        outcomes, kept = with_work(server, path, act)
        assert kept == 30
        assert len(server.asked) < 70
        assert any(isinstance(o.result, Failure) and o.result.kind == "halted" for o in outcomes)


def test_pause_resume_and_stop(path: Path) -> None:
    with endpoint(says("Yes.", seconds_before=0.02)) as server:

        async def act(work: Work, ledger: Ledger) -> tuple[int, int, int]:
            running = asyncio.create_task(all_of(work, 10_000, 8))
            await asyncio.sleep(0.3)
            work.pause()
            await asyncio.sleep(0.2)
            paused = len(server.asked)
            await asyncio.sleep(0.3)
            assert len(server.asked) == paused
            work.resume()
            await asyncio.sleep(0.3)
            assert len(server.asked) > paused
            work.stop()
            outcomes = await asyncio.wait_for(running, 2)
            return len(outcomes), sum(isinstance(o.result, Answer) for o in outcomes), len(ledger)

        outcomes, answers, kept = with_work(server, path, act)
        assert answers == kept == len(server.asked)
        assert outcomes - answers <= 8


def test_a_stop_reaches_those_who_are_paused(path: Path) -> None:
    with endpoint() as server:

        async def act(work: Work, ledger: Ledger) -> list[Outcome]:
            work.pause()
            running = asyncio.create_task(all_of(work, 100, 4))
            await asyncio.sleep(0.05)
            work.stop()
            return await asyncio.wait_for(running, 1)

        outcomes = with_work(server, path, act)
        assert 0 < len(outcomes) <= 4
        assert not server.asked


def test_requests_are_read_only_as_far_as_they_are_needed(path: Path) -> None:
    with endpoint(says("Yes.", seconds_before=0.01)) as server:

        async def act(work: Work, ledger: Ledger) -> None:
            read = 0

            async def counted() -> AsyncIterator[Request]:
                nonlocal read
                for request in questions(100_000):
                    read += 1
                    yield request

            taken = 0
            async for _ in (stream := ask_all(counted(), work, 5)):
                taken += 1
                await asyncio.sleep(0.02)
                if taken == 20:
                    break
            await stream.aclose()
            assert read <= taken + 3 * 5

        with_work(server, path, act)


def test_a_bug_in_what_is_done_is_not_swallowed() -> None:
    async def act(item: int) -> int:
        if item == 5:
            raise ZeroDivisionError
        return item

    async def run() -> list[int]:
        return [one async for one in each(range(10), act, 2)]

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())


def test_an_answer_cut_by_the_end_of_the_money_is_paid_for_but_no_answer(path: Path) -> None:
    async def cut_when_short(request: HttpRequest, asked: Asked) -> Response:
        reply = completion("So.")
        reply["usage"]["completion_tokens"] = 100
        reply["choices"][0]["finish_reason"] = "stop" if asked.body["max_tokens"] == 1000 else "length"
        return JSONResponse(reply)

    async def act(limit_usd: float) -> tuple[list[Outcome], Budget]:
        budget = Budget(limit_usd, Prices(usd_per_million_in=0, usd_per_million_out=1000))
        requests = (Request(Conversation.ask(f"Why {n}?"), Sampling(max_new_tokens=1000)) for n in range(4))
        async with Teacher("m", [Address(server.url)]) as teacher, Ledger(path) as ledger:
            work = Work(teacher, ledger, budget)
            return [Outcome(one, await work.ask(one)) for one in requests], budget

    with endpoint(cut_when_short) as server:
        outcomes, budget = asyncio.run(act(1.2))
        # Three in full; the fourth has room for 150 tokens only.
        assert [type(one.result) for one in outcomes] == [Answer, Answer, Answer, Failure]
        assert budget.figures.spent_usd == pytest.approx(0.4)
        outcomes, _ = asyncio.run(act(1.2))
        assert [type(one.result) for one in outcomes] == [Answer] * 4
        assert len(server.asked) == 5
