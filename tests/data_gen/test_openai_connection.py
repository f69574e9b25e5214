"""What leaves this machine, what keeps a connection, and what it says when there is none."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from data_gen import errors
from data_gen.chat import Conversation, Delta, Sampling
from data_gen.openai_chat import OpenAIChat
from data_gen.openai_errors import Patience
from tests.endpoint import endpoint, hangs, says

ASK = Conversation.ask("Which way?")
HASTY = Patience(connect_seconds=0.3, byte_seconds=2, piece_seconds=2)


def model_at(url: str, key: str | None = None) -> OpenAIChat:
    return OpenAIChat("openai:m", "m", url, key, patience=HASTY)


async def answer(model: OpenAIChat) -> str:
    return "".join([event.text async for event in model.stream(ASK, Sampling()) if isinstance(event, Delta)])


def test_nothing_from_the_environment_is_sent_to_another_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"SENTINEL-{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: SENTINEL-custom\nX-Team: SENTINEL-team")
    with endpoint() as evil:
        asyncio.run(answer(model_at(evil.url)))
        asyncio.run(answer(model_at(evil.url, "sk-given")))
    without_key, with_key = evil.asked
    assert "SENTINEL" not in repr(evil.asked)
    assert "authorization" not in without_key.headers
    assert with_key.headers["authorization"] == "Bearer sk-given"
    allowed = {"host", "accept", "accept-encoding", "content-type", "content-length", "user-agent", "connection"}
    assert without_key.headers.keys() <= allowed, "the client would also tell about this machine"


def test_no_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint() as proxy, endpoint() as meant:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        asyncio.run(answer(model_at(meant.url)))
    assert (len(proxy.asked), len(meant.asked)) == (0, 1)


def test_no_repr_shows_the_key() -> None:
    model = model_at("http://127.0.0.1:9/v1", "sk-SENTINEL")
    assert "SENTINEL" not in repr(model) + repr(model._addressee) + repr(model._connection)


def test_closing_the_answer_early_closes_the_connection() -> None:
    async def read_one_piece(url: str) -> None:
        model = model_at(url)
        stream = model.stream(ASK, Sampling())
        await anext(stream)
        await stream.aclose()
        assert model._connection._client is None, "closed by then, not some time later"

    with endpoint(says("word " * 500, words_per_second=50)) as server:
        asyncio.run(read_one_piece(server.url))
        assert server.asked[0].left_early.wait(3)


def test_cancelling_before_the_first_byte_closes_the_connection() -> None:
    async def cancel(url: str) -> None:
        task = asyncio.create_task(answer(model_at(url)))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with endpoint(hangs()) as server:
        asyncio.run(cancel(server.url))
        assert server.asked[0].left_early.wait(3)


def test_one_model_answers_many_at_once_and_in_any_event_loop() -> None:
    texts = ["Left", "Go left then right", "Go left then right and then straight on"]
    with endpoint(*(says(text, words_per_second=40) for text in [*texts, "Once more"])) as server:
        model = model_at(server.url)

        async def several() -> list[str]:
            return await asyncio.gather(*(answer(model) for _ in texts))

        # Each ends at its own time, and none takes the connection from the others.
        assert sorted(asyncio.run(several())) == sorted(texts)
        assert asyncio.run(answer(model)) == "Once more"


def test_nothing_is_left_open() -> None:
    async def one_answer_and_one_given_up(url: str) -> None:
        await answer(model_at(url))
        stream = model_at(url).stream(ASK, Sampling())
        await anext(stream)
        await stream.aclose()

    gc.collect()  # what other tests left behind in this process is not ours to answer for
    with warnings.catch_warnings(record=True) as caught, endpoint(says("a b c d e f", words_per_second=50)) as server:
        warnings.simplefilter("always")
        asyncio.run(one_answer_and_one_given_up(server.url))
        gc.collect()
    assert not [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)]


@contextmanager
def listener(reply: bytes | None) -> Iterator[str]:
    """Listen as something that is no web server; None never accepts, and its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(3)]

        def answer_once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply or b"")

        if reply is None:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
        else:
            threading.Thread(target=answer_once, daemon=True).start()
        yield f"http://127.0.0.1:{address[1]}/v1"
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", errors.ChatGarbage, "does not answer as a web server does"),
        (b"", errors.ChatUnavailable, "The connection to 127.0.0.1"),
        (b"HTTP/1.1 500 x\r\ncontent-length: 99\r\n\r\n", errors.ChatUnavailable, "The connection to 127.0.0.1"),
        (None, errors.ChatTimeout, "could not be reached within"),
    ],
    ids=["ssh", "silent close", "torn error", "full queue"],
)
def test_what_is_no_web_server_is_named(reply: bytes | None, kind: type[errors.ChatError], words: str) -> None:
    with listener(reply) as url, pytest.raises(errors.ChatError, match=words) as caught:
        asyncio.run(answer(model_at(url)))
    assert type(caught.value) is kind


def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free_port = taken.getsockname()[1]
    with pytest.raises(errors.ChatUnavailable, match=f"Nobody answers at 127.0.0.1:{free_port}"):
        asyncio.run(answer(model_at(f"http://127.0.0.1:{free_port}/v1")))
    with pytest.raises(errors.ChatUnavailable, match=r"no machine called nowhere\.invalid"):
        asyncio.run(answer(model_at("http://nowhere.invalid/v1")))


def test_a_stopped_engine_is_named_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(errors.ChatUnavailable, match="The engine on this machine has stopped"):
        asyncio.run(answer(OpenAIChat("embedded:smollm2", "m", url, "token", dialect="engine")))


def test_plain_http_behind_https_is_one_sentence() -> None:
    with endpoint() as server, pytest.raises(errors.ChatUnavailable, match=r"127\.0\.0\.1"):
        asyncio.run(answer(model_at(server.url.replace("http://", "https://"))))
