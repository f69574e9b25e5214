"""Too much of everything: bodies, clicks, answers at once, open streams."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.types import Message

from janus_space.access import Role
from janus_space.door import Door, Space
from janus_space.limits import ALLOWANCES
from janus_space.ui.guard import MAX_BODY_BYTES, MOST_STREAMS, Guard
from tests.running_app import RunningApp
from tests.security.attacker import JOIN, TRIED, events_of, values_of
from tests.security.conftest import visitor_of

pytestmark = pytest.mark.xdist_group("security")  # one worker, so that the apps are started once

JSON = {"Content-Type": "application/json"}


def test_clicks_beyond_a_visitors_share_are_refused_with_a_sentence_and_others_are_not(space: RunningApp) -> None:
    abuser, honest = visitor_of(space, "198.41.7.1"), visitor_of(space, "198.41.7.2")
    allowed = ALLOWANCES[Role.ANON].events
    n_taken = 0
    while abuser.ask("POST", "/gradio_api/cancel", JSON, b"{}").status == 422 and n_taken < 3 * allowed:
        n_taken += 1  # some of the share grows back meanwhile
    assert allowed <= n_taken < 3 * allowed
    TRIED["flood"] += 1
    last = abuser.ask("POST", JOIN, JSON, b"{}")
    assert last.status == 429
    assert int(last.headers["retry-after"]) >= 1
    assert "come back in" in json.loads(last.body)["detail"]
    assert honest.ask("POST", "/gradio_api/cancel", JSON, b"{}").status == 422
    # A lie about where one comes from, in front of what the proxy adds, makes nobody somebody else.
    liar = visitor_of(space, "8.8.8.8, 198.41.7.1, 10.0.0.1")
    assert liar.ask("POST", JOIN, JSON, b"{}").status == 429


def test_a_third_answer_at_once_is_refused_with_a_sentence(space: RunningApp) -> None:
    visitor = visitor_of(space, "198.41.7.3")
    config = visitor.config()
    event = events_of(config)["example_1"]
    sessions = [f"flood{number}" for number in range(6)]
    TRIED["flood"] += len(sessions)
    # At the same moment: one after the other, the first answers may be done on a slow machine.
    with ThreadPoolExecutor(len(sessions)) as pool:
        joined = list(pool.map(lambda session: visitor.join(event, values_of(config, event), session), sessions))
        assert {reply.status for reply in joined} == {200}
        outcomes = list(pool.map(visitor.outcome, sessions))
    refused = [outcome for outcome in outcomes if not outcome["success"]]
    assert 1 <= len(refused) <= 4
    assert all("2 comparisons under way" in outcome["output"]["error"] for outcome in refused)


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 10**12])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(space: RunningApp, size: int) -> None:
    TRIED["size"] += 1
    assert visitor_of(space).ask("POST", JOIN, JSON | {"Content-Length": str(size)}).status == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "0x10", "9" * 400, ""])
def test_a_length_that_is_none_is_refused(space: RunningApp, length: str) -> None:
    TRIED["size"] += 1
    assert visitor_of(space).ask("POST", JOIN, JSON | {"Content-Length": length}).status in (400, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"data":' * 50_000,
        b"\x00" * 1000,
        b'{"fn_index": 1e999}',
        b'{"fn_index": 99999, "data": [], "session_hash": "x"}',
        b'{"fn_index": -1, "data": [], "session_hash": "x"}',
        b'{"data": [], "session_hash": null, "fn_index": 0}',
        b'{"fn_index": 0, "data": {"__class__": 1}, "session_hash": ["x"]}',
        json.dumps({"fn_index": 0, "data": ["x"] * 100_000, "session_hash": "x"}).encode(),
    ],
)
def test_a_body_that_is_nonsense_is_refused_and_the_app_lives(space: RunningApp, body: bytes) -> None:
    TRIED["size"] += 1
    visitor = visitor_of(space, "198.41.7.5")
    assert visitor.ask("POST", JOIN, JSON, body).status in (200, 400, 404, 413, 422, 500)
    assert visitor.ask("GET", "/config").status == 200


def test_files_are_not_taken_from_visitors_however_they_are_sent(space: RunningApp) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="../a.txt"\r\n\r\nhello\r\n--x--\r\n'
    for path in ("/gradio_api/upload", "/upload", "/gradio_api/upload?upload_id=1", "/gradio_api/upload_progress"):
        TRIED["upload"] += 1
        assert visitor_of(space).ask("POST", path, form, body).status == 404


def test_streams_beyond_what_one_process_carries_are_turned_away_politely() -> None:
    told: list[Message] = []

    async def busy(scope: object, receive: object, send: object) -> None:
        await asyncio.sleep(30)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    def stream(number: int) -> dict[str, object]:
        query = f"session_hash=s{number}".encode()
        headers = [(b"host", b"localhost")]
        return {
            "type": "http",
            "method": "GET",
            "path": "/gradio_api/queue/data",
            "query_string": query,
            "headers": headers,
        }

    async def crowd() -> None:
        guard = Guard(busy, Door(Space("a/b", frozenset())))
        held = [asyncio.create_task(guard(stream(number), receive, send)) for number in range(MOST_STREAMS)]
        await asyncio.sleep(0)
        assert told == []
        await guard(stream(MOST_STREAMS), receive, send)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert guard.n_streams == 0

    TRIED["flood"] += 1
    asyncio.run(crowd())
    assert told[0]["status"] == 503
    assert b"come back" in told[1]["body"]
