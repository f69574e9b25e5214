"""Against real endpoints that misbehave: what may pass is tried again, what does not is said in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from data_gen import errors
from data_gen.asking import Answer, Request
from data_gen.chat import Conversation, Sampling
from data_gen.cost import Budget, Prices
from data_gen.openai_completion import Address
from data_gen.teacher import Limits, Teacher
from tests.endpoint import Asked, Reply, chunks_of, endpoint, fails, hangs, says, sends, streams

ASK = Request(Conversation.ask("Which way?", system="Be brief."), Sampling())
HASTY = Limits(timeout_seconds=0.4, first_pause_seconds=0.01, attempts=3)
SCHEMA = {"title": "preference set", "type": "object", "properties": {}, "additionalProperties": False}


async def answers(
    teacher: Teacher, count: int, budget: Budget, request: Request = ASK
) -> list[Answer | errors.DataGenError]:
    async def one() -> Answer | errors.DataGenError:
        charge = await budget.charge(request)
        try:
            answer = await teacher.ask(request, charge)
            charge.settle(answer)
        except errors.DataGenError as error:
            return error
        finally:
            charge.release()
        return answer

    async with teacher:
        return await asyncio.gather(*(one() for _ in range(count)))


def ask(
    url: str | Sequence[str],
    count: int = 1,
    limits: Limits = HASTY,
    budget: Budget | None = None,
    request: Request = ASK,
) -> list[Answer | errors.DataGenError]:
    urls = [url] if isinstance(url, str) else url
    teacher = Teacher("m", [Address(one, "sk-SENTINEL") for one in urls], limits)
    return asyncio.run(answers(teacher, count, budget or Budget(), request))


def whole(reason: str | None = "stop", content: Any = "Go.", **extra: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    return sends(json.dumps({"choices": [choice], **extra}), "application/json")


def test_an_answer_comes_in_one_piece_with_its_tokens() -> None:
    with endpoint(says("Go left.")) as server:
        assert ask(server.url) == [Answer("Go left.", "stop", 7, 2)]
        body = server.asked[0].body
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert not body.get("stream")
        assert server.asked[0].headers["authorization"] == "Bearer sk-SENTINEL"


def test_an_answer_cut_by_its_limit_is_marked_and_a_refusal_in_words_is_an_answer() -> None:
    with endpoint(whole("length")) as server:
        assert ask(server.url) == [Answer("Go.", "length")]
    choice = {"message": {"content": None, "refusal": "I would rather not."}, "finish_reason": "stop"}
    with endpoint(sends(json.dumps({"choices": [choice]}), "application/json")) as server:
        assert ask(server.url) == [Answer("I would rather not.", "stop")]


PASSING = {
    "500": fails(500, "boom"),
    "503 page": sends("<html>busy</html>", "text/html", 503),
    "hang": hangs(5),
    "cut body": streams(chunks_of("Go left, then right."), cut_after_bytes=40),
    "cut short but well-formed": sends('{"choices": [{"mess', "application/json"),
    "malformed JSON": sends("{nope", "application/json"),
    "another JSON": sends("[1, 2]", "application/json"),
    "no choices": sends('{"choices": []}', "application/json"),
    "no text": whole(content=None),
    "no finish reason": whole(None),
    "web page": sends("<html>Sign in</html>", "text/html"),
    "tool call": whole("tool_calls"),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_tried_again(fault: str) -> None:
    with endpoint(PASSING[fault], PASSING[fault], says("Go.")) as server:
        assert ask(server.url) == [Answer("Go.", "stop", 7, 1)]
        assert len(server.asked) == 3


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_is_said_in_one_sentence(fault: str) -> None:
    with endpoint(PASSING[fault]) as server:
        (error,) = ask(server.url)
        assert isinstance(error, errors.ChatError)
        assert str(error).startswith("127.0.0.1:")
        assert "SENTINEL" not in str(error)
        assert len(server.asked) == 3


def test_a_refusal_is_not_tried_again() -> None:
    with endpoint(fails(400, "too long"), says("Go.")) as server:
        (error,) = ask(server.url)
        assert isinstance(error, errors.ChatRefused)
        assert "too long" in str(error)
        assert len(server.asked) == 1


def test_what_may_have_been_billed_counts_as_lost_and_what_cannot_does_not() -> None:
    for fault, is_lost in (("malformed JSON", True), ("hang", True), ("cut body", True), ("500", False)):
        budget = Budget(1.0, Prices(usd_per_million_in=1, usd_per_million_out=1))
        worst = budget.worst_picousd(ASK) / 1e12
        with endpoint(PASSING[fault], says("Go.")) as server:
            ask(server.url, budget=budget)
        assert budget.figures.lost_usd == pytest.approx(worst if is_lost else 0)
        assert budget.figures.spent_usd == pytest.approx(8e-6)
        assert budget.figures.reserved_usd == 0
        assert budget.figures.requests == 2
    budget = Budget(1.0, Prices(usd_per_million_in=1, usd_per_million_out=1))
    ask("http://127.0.0.1:9/v1", budget=budget)
    assert budget.figures.lost_usd == 0
    assert budget.figures.errors == {"ChatUnavailable": 3}


class Limiter:
    """Answers so many a second and tells the others when to come again."""

    def __init__(self, per_second: int, latency_seconds: float = 0.02) -> None:
        self.per_second = per_second
        self.answered: list[float] = []
        self.turned_away = 0
        self._latency_seconds = latency_seconds

    async def __call__(self, request: HttpRequest, asked: Asked) -> Response:
        now = time.monotonic()
        if sum(now - at < 1 for at in self.answered[-self.per_second :]) >= self.per_second:
            self.turned_away += 1
            wait = 1 - (now - self.answered[-self.per_second])
            return await fails(429, "slow down", {"retry-after-ms": str(int(wait * 1000) + 1)})(request, asked)
        self.answered.append(now)
        return await says("Go.", seconds_before=self._latency_seconds)(request, asked)


def test_429_is_never_an_attempt_and_its_wish_is_kept() -> None:
    with endpoint(*[fails(429, "slow down", {"retry-after": "0.1"})] * 8, says("Go.")) as server:
        start = time.monotonic()
        assert ask(server.url) == [Answer("Go.", "stop", 7, 1)]
        assert len(server.asked) == 9
        assert time.monotonic() - start >= 0.8


def test_a_limited_endpoint_is_used_to_nine_tenths_of_what_it_allows() -> None:
    allowed_seconds = 160 / 40 - 1  # the first forty are free to come at once
    bound = allowed_seconds / 0.9 + 0.5
    seconds: list[float] = []
    while len(seconds) < 3 and min(seconds, default=bound + 1) > bound:  # other tests may hold the cores for a while
        limiter = Limiter(per_second=40)
        with endpoint(limiter) as server:
            start = time.monotonic()
            results = ask(server.url, 160, Limits(concurrency=64))
            seconds.append(time.monotonic() - start)
        assert all(isinstance(result, Answer) for result in results)
        assert limiter.turned_away < 160
    assert min(seconds) <= bound


def test_rates_of_ones_own_are_kept() -> None:
    with endpoint(says("Go.")) as server:
        start = time.monotonic()
        ask(server.url, 40, Limits(requests_per_minute=600))
        assert 2.9 <= time.monotonic() - start <= 4.5
    with endpoint(says("Go.")) as server:
        start = time.monotonic()
        # Each is taken to need 6 + 100 tokens and needs 8.
        request = replace(ASK, sampling=Sampling(max_new_tokens=100))
        ask(server.url, 30, Limits(concurrency=1, tokens_per_minute=6000), request=request)
        assert 1.0 <= time.monotonic() - start <= 8.0


def test_no_credit_ends_it_at_once_with_one_sentence() -> None:
    with endpoint(fails(429, "quota", code="insufficient_quota")) as server:
        results = ask(server.url, 30)
        assert all(isinstance(error, errors.TeacherGone) for error in results[16:])
        assert "credit of this key is used up" in str(results[20])
        assert len(server.asked) <= 17


def test_a_wrong_key_ends_it_before_all_are_tried() -> None:
    with endpoint(fails(401, "no")) as server:
        results = ask(server.url, 500)
        assert len(server.asked) < 60
        assert isinstance(results[-1], errors.TeacherGone)
        assert "does not accept the API key" in str(results[-1])


def test_two_endpoints_share_the_work_by_what_they_take() -> None:
    with endpoint(says("Go.", seconds_before=0.02)) as quick, endpoint(says("Go.", seconds_before=0.5)) as slow:
        assert len(ask([quick.url, slow.url], 200, Limits(concurrency=8))) == 200
        assert len(quick.asked) > 2 * len(slow.asked) > 0


def test_one_of_two_dies_and_the_other_does_the_rest() -> None:
    async def act(urls: list[str], dies: Any) -> list[Answer | errors.DataGenError]:
        teacher = Teacher("m", [Address(url) for url in urls], replace(HASTY, timeout_seconds=2, concurrency=8))
        asyncio.get_running_loop().call_later(0.3, dies.close)
        return await answers(teacher, 300, Budget())

    with (
        endpoint(says("Go.", seconds_before=0.02)) as survivor,
        endpoint(says("Go.", seconds_before=0.02)) as mortal,
        MortalProxy(mortal.url) as (url, proxy),
    ):
        results = asyncio.run(act([survivor.url, url], proxy))
    assert all(isinstance(result, Answer) for result in results)
    assert 10 < len(mortal.asked) < 150


def test_one_that_is_down_for_a_while_costs_waiting_but_no_request() -> None:
    with endpoint(*[fails(500, "starting")] * 25, says("Go.")) as server:
        results = ask(server.url, 40, replace(HASTY, attempts=4))
        assert all(isinstance(result, Answer) for result in results)


def test_one_that_stays_down_is_given_up_with_its_last_words() -> None:
    with endpoint(fails(500, "boom")) as server:
        results = ask(server.url, 40, replace(HASTY, attempts=100, give_up_seconds=1.5))
        assert all(isinstance(error, errors.TeacherGone) for error in results)
        assert "boom" in str(results[0])
        assert len(server.asked) < 60


def test_faults_of_every_kind_among_many_requests_lose_none() -> None:
    dice = random.Random(3)
    schedule = [dice.choice([*PASSING.values()]) if dice.random() < 0.3 else says("Go.") for _ in range(300)]
    with endpoint(*schedule, says("Go.")) as server:
        results = ask(server.url, 250, replace(HASTY, attempts=6, concurrency=50))
        assert results == [Answer("Go.", "stop", 7, 1)] * 250
        assert len(server.asked) >= 300


class TestSchemas:
    def test_one_that_takes_them_gets_them(self) -> None:
        with endpoint(says("{}")) as server:
            ask(server.url, 20, request=replace(ASK, answer_schema=SCHEMA))
            formats = [asked.body["response_format"] for asked in server.asked]
            assert len(formats) == 20
            assert formats[0]["json_schema"] == {"name": "preference_set", "schema": SCHEMA, "strict": True}

    def test_one_that_refuses_them_is_asked_once(self) -> None:
        async def strict(request: HttpRequest, asked: Asked) -> Response:
            refused = fails(400, "unknown field response_format")
            return await (refused if "response_format" in asked.body else says("{}"))(request, asked)

        with endpoint(strict) as server:
            results = ask(server.url, 20, request=replace(ASK, answer_schema=SCHEMA))
            assert all(isinstance(result, Answer) for result in results)
            assert sum("response_format" in asked.body for asked in server.asked) == 1

    def test_a_request_refused_either_way_proves_nothing(self) -> None:
        with endpoint(fails(400, "too long"), fails(400, "too long"), says("{}")) as server:

            async def act() -> None:
                async with Teacher("m", [Address(server.url)], HASTY) as teacher:
                    budget, request = Budget(), replace(ASK, answer_schema=SCHEMA)
                    with pytest.raises(errors.ChatRefused):
                        await teacher.ask(request, await budget.charge(request))
                    await teacher.ask(request, await budget.charge(request))

            asyncio.run(act())
            assert "response_format" in server.asked[2].body


def test_another_draw_is_asked_with_another_seed() -> None:
    with endpoint(says("Go.")) as server:
        ask(server.url, request=replace(ASK, sampling=Sampling(seed=5), draw=2))
        assert server.asked[0].body["seed"] == 7


class MortalProxy:
    """Passes bytes on to an endpoint until it is closed; then nobody listens there any more."""

    def __init__(self, url: str) -> None:
        self._target = int(url.rpartition(":")[2].partition("/")[0])

    def __enter__(self) -> tuple[str, MortalProxy]:

        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        threading.Thread(target=self._accept, daemon=True).start()
        return f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}/v1", self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:

        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:

        with contextlib.suppress(OSError):
            while True:
                client, _ = self._sockets[0].accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
