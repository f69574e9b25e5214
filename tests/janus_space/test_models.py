"""Specs to models; the engine is a fake that points to a real server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from data_gen import errors
from data_gen.chat import ChatModel, Completion, Conversation, Delta, EchoModel, Sampling, Waiting
from janus_space.errors import SpaceError, UnknownModel
from janus_space.home import Home
from janus_space.models import FORMS, Models
from tests.endpoint import chunks_of, endpoint, hangs, says, streams
from trainer.errors import TrainerError

ASK = Conversation.ask("Which way?", system="Be brief.")


@dataclass
class Address:
    url: str
    token: str = "engine-token"


@dataclass
class Engines:
    """Leases what it is told to, and records it."""

    url: str = "http://127.0.0.1:9/v1"
    reasons: tuple[str, ...] = ()
    seconds_to_start: float = 0.0
    failure: Exception | None = None
    leased: list[tuple[str, str]] = field(default_factory=list)
    held: int = 0

    @asynccontextmanager
    async def lease(self, base: str, device: str, on_wait: Callable[[str], None]) -> AsyncIterator[Address]:
        self.leased.append((base, device))
        self.held += 1
        try:
            for reason in self.reasons:
                on_wait(reason)
                await asyncio.sleep(self.seconds_to_start)
            if self.failure:
                raise self.failure
            yield Address(self.url)
        finally:
            self.held -= 1


@pytest.fixture
def models(janus_home: Path) -> Callable[..., Models]:
    return lambda engines=None, **options: Models(Home.at(janus_home), engines or Engines(), **options)


async def events(model: ChatModel) -> list[Any]:
    return [event async for event in model.stream(ASK, Sampling())]


def test_echo_needs_nothing(models: Callable[..., Models]) -> None:
    engines = Engines()
    assert isinstance(models(engines).chat_model("echo:"), EchoModel)
    assert not engines.leased


def test_a_local_model_waits_for_its_engine_then_streams_from_it(models: Callable[..., Models]) -> None:
    report = {"sent": {"text": "<s>[INST] Be brief.", "system_role": "folded"}}
    with endpoint(streams(chunks_of("Go left", janus=report))) as server:
        engines = Engines(server.url, ("Starting the engine", "Loading weights"))
        model = models(engines).chat_model("embedded:smollm2+/somewhere/adapter", device="cuda:1")
        first, second, *deltas, completion = asyncio.run(events(model))
    assert [first, second] == [Waiting(reason="Starting the engine"), Waiting(reason="Loading weights")]
    assert [event.text for event in deltas] == ["Go", " left"]
    assert isinstance(completion, Completion)
    assert completion.sent.system_role == "folded"
    assert engines.leased == [("embedded:smollm2", "cuda:1")]
    assert engines.held == 0
    assert server.asked[0].body["model"] == model.spec == "embedded:smollm2+/somewhere/adapter"
    assert server.asked[0].headers["authorization"] == "Bearer engine-token"


def test_an_engine_that_fails_to_start_fails_the_answer(models: Callable[..., Models]) -> None:
    engines = Engines(reasons=("Loading",), failure=SpaceError("The weights are damaged; delete them."))
    with pytest.raises(SpaceError, match="weights are damaged"):
        asyncio.run(events(models(engines).chat_model("embedded:smollm2")))
    assert engines.held == 0


@pytest.mark.parametrize("is_cancelled", [True, False], ids=["cancelled", "closed"])
def test_leaving_while_the_engine_starts_lets_go_of_it(models: Callable[..., Models], is_cancelled: bool) -> None:
    engines = Engines(reasons=("Loading weights",), seconds_to_start=60)

    async def leave() -> None:
        stream = models(engines).chat_model("embedded:smollm2").stream(ASK, Sampling())
        await anext(stream)
        assert engines.held == 1
        if is_cancelled:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        else:
            await stream.aclose()
        assert engines.held == 0

    asyncio.run(asyncio.wait_for(leave(), 5))


@pytest.mark.parametrize("reply", [says("word " * 500, words_per_second=50), hangs()], ids=["streaming", "silent"])
def test_leaving_the_answer_frees_the_engine_and_closes_the_connection(
    models: Callable[..., Models], reply: Any
) -> None:
    async def leave(engines: Engines) -> None:
        stream = models(engines).chat_model("embedded:smollm2").stream(ASK, Sampling())
        with suppress(TimeoutError):
            async with asyncio.timeout(0.4):
                while True:
                    assert isinstance(await anext(stream), Delta)
        await stream.aclose()
        assert engines.held == 0

    with endpoint(reply) as server:
        asyncio.run(leave(Engines(server.url)))
        assert server.asked[0].left_early.wait(3)


def test_a_remote_model_gets_the_key_of_its_own_address(
    models: Callable[..., Models], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-SENTINEL")
    with endpoint() as mine, endpoint() as other:
        for server in (mine, other):
            spec = f"openai:llama3.2:3b@{server.url}"
            asyncio.run(events(models().chat_model(spec, session_keys={mine.url: "sk-mine"})))
    assert mine.asked[0].headers["authorization"] == "Bearer sk-mine"
    assert mine.asked[0].body["model"] == "llama3.2:3b"
    assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("spec", ["", "gpt-4o", "Echo:", "echo:loud", "ollama:llama3", "file:///etc/passwd"])
def test_an_unknown_spec_names_the_forms(models: Callable[..., Models], spec: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        models().chat_model(spec)
    assert FORMS in str(caught.value)


def test_a_job_that_is_not_there_is_refused(models: Callable[..., Models]) -> None:
    with pytest.raises(UnknownModel, match="no training job 'my-run'"):
        models().chat_model("job:my-run")


def test_a_spec_that_is_wrong_in_itself_says_so(models: Callable[..., Models]) -> None:
    with pytest.raises(errors.BadRequest, match="key on its own"):
        models().chat_model("openai:m@https://me:secret@host/v1")
    with pytest.raises(TrainerError, match="org/name"):
        models().chat_model("hf:no-owner")


@pytest.mark.parametrize(
    "spec",
    [
        "path:/etc",
        "embedded:smollm2+/etc",
        "hf:org/name+./run",
        "openai:m@http://127.0.0.1:8000/v1",
        "openai:m@http://169.254.169.254/v1",
        "openai:m@http://api.openai.com/v1",
        "openai:m@https://api.openai.com.evil.example/v1",
    ],
)
def test_a_hosted_space_reaches_neither_its_disk_nor_its_network(models: Callable[..., Models], spec: str) -> None:
    with pytest.raises(UnknownModel, match="On this hosted Space"):
        models(hosted=True).chat_model(spec)
    assert models().chat_model(spec).spec == spec


def test_a_hosted_space_asks_openai_with_the_visitors_key_only(
    models: Callable[..., Models], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-SENTINEL-of-the-owner")
    hosted = models(hosted=True)
    assert hosted.chat_model("openai:gpt-4o")._addressee.api_key is None
    with_key = hosted.chat_model("openai:gpt-4o", session_keys={"https://api.openai.com/v1": "sk-visitor"})
    assert with_key._addressee.api_key == "sk-visitor"
    assert hosted.chat_model("embedded:smollm2").spec == "embedded:smollm2"
    assert hosted.chat_model("embedded:janus-135m").spec == "embedded:janus-135m"
