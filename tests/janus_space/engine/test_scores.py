"""Scores as the Space asks for them: a real engine, and endpoints that are none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from data_gen.chat import Conversation, Message
from janus_space.engine import scores
from janus_space.engine.process import EngineFailed
from janus_space.engine.scores import ScoreItem, TokenScores, score
from janus_space.errors import ScoringRefused
from tests.endpoint import endpoint, hangs, sends
from tests.janus_space.conftest import Local
from tests.janus_space.engine.tiny_batch import PlainModel

ASK = Conversation.ask("What is the sea?", "You are a pirate.")
ANSWER = "Aye: the sea is wide –\n\n* blue\n* deep 🌊👩‍🚀!  \n"


@dataclass
class Address:
    url: str
    token: str = "engine-token"


def ask(local: Local, items: Sequence[ScoreItem]) -> list[TokenScores]:
    async def asked() -> list[TokenScores]:
        async with local.models.engines.lease(local.spec, "cpu", lambda _: None) as engine:
            return await score(engine, local.spec, items)

    return asyncio.run(asked())


def ask_at(url: str) -> list[TokenScores]:
    return asyncio.run(score(Address(url), "path:/tiny", [ScoreItem(ASK, "The sea.")]))


def test_scores_equal_a_plain_forward_pass(local: Local) -> None:
    plain = PlainModel(local.folder)
    conversations = [
        ASK,
        Conversation.ask("What is the sea?", ""),
        Conversation.ask("What is the sea?"),
        ASK.then("It is wide.", "And the sky?"),
    ]
    answer = plain.tokenizer(ANSWER, add_special_tokens=False)["input_ids"]
    told = ask(local, [ScoreItem(conversation, ANSWER) for conversation in conversations])
    for conversation, one in zip(conversations, told, strict=True):
        prompt = plain.tokenizer.apply_chat_template(conversation.as_dicts(), add_generation_prompt=True)["input_ids"]
        assert one.logprobs == pytest.approx(plain.logprobs(prompt, answer), abs=1e-4)
        assert one.mean == pytest.approx(sum(one.logprobs) / len(answer))
    assert len({one.mean for one in told}) == 4


def test_tokens_put_together_are_the_answer(local: Local) -> None:
    (told,) = ask(local, [ScoreItem(ASK, ANSWER)])
    assert "".join(told.tokens) == ANSWER
    assert len(told.tokens) == len(told.logprobs) > 10


def test_many_items_are_asked_in_parts_and_keep_their_order(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [ScoreItem(ASK, f"The sea has {number} colours.") for number in range(7)]
    whole = ask(local, items)
    monkeypatch.setattr(scores, "ITEMS_A_REQUEST", 3)
    parted = ask(local, items)
    assert ["".join(one.tokens) for one in parted] == [item.answer for item in items]
    for one, other in zip(whole, parted, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_no_proxy_of_the_environment_is_asked(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(local, [ScoreItem(ASK, "The sea.")])


def test_what_is_too_long_is_refused_in_the_engines_words(local: Local) -> None:
    with pytest.raises(ScoringRefused, match=r"reads at most 2048\. Shorten it"):
        ask(local, [ScoreItem(ASK, "long " * 3000)])
    with pytest.raises(ScoringRefused, match="user"):
        ask(local, [ScoreItem(Conversation(messages=(Message(role="assistant", content="a"),)), "b")])


def test_an_adapter_that_is_not_there_is_one_sentence(local: Local) -> None:
    async def asked() -> None:
        async with local.models.engines.lease(local.spec, "cpu", lambda _: None) as engine:
            await score(engine, f"{local.spec}+/nowhere/adapter", [ScoreItem(ASK, "The sea.")])

    with pytest.raises(EngineFailed, match="/nowhere/adapter"):
        asyncio.run(asked())


def test_an_engine_that_has_gone_is_one_sentence() -> None:
    with pytest.raises(EngineFailed, match="ended while scoring; ask again"):
        ask_at("http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    "reply",
    [
        sends("<html>hello</html>", "text/html"),
        sends("Internal Server Error", "text/plain", 500),
        sends('{"scores": []}', "application/json"),
        sends('{"scores": [{"tokens": ["a"]}]}', "application/json"),
        sends("[1]", "application/json"),
        sends('{"detail": "no"}', "application/json", 400),
    ],
)
def test_what_is_no_score_is_a_failure_of_the_engine(reply: Any) -> None:
    with endpoint(reply) as served, pytest.raises(EngineFailed, match="failed while scoring"):
        ask_at(served.url)
    assert served.asked[0].headers["authorization"] == "Bearer engine-token"


@pytest.mark.parametrize("url", ["http://192.0.2.1/v1", "https://scores.example/v1", "http://127.0.0.1.example/v1"])
def test_the_token_never_leaves_this_machine(url: str) -> None:
    with pytest.raises(EngineFailed, match="loopback only"):
        ask_at(url)


def test_cancelling_hangs_up() -> None:
    async def leave(url: str) -> None:
        asked = asyncio.create_task(score(Address(url), "path:/tiny", [ScoreItem(ASK, "The sea.")]))
        await asyncio.sleep(0.3)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    with endpoint(hangs()) as served:
        asyncio.run(asyncio.wait_for(leave(served.url), 5))
        assert served.asked[0].left_early.wait(3)


def test_cancelling_frees_the_engine(local: Local) -> None:
    long = [ScoreItem(ASK, f"{number} " + "sea and sky " * 620) for number in range(64)]

    async def seconds_of(items: list[ScoreItem], until: float | None = None) -> float:
        start = time.perf_counter()
        async with local.models.engines.lease(local.spec, "cpu", lambda _: None) as engine:
            asked = asyncio.create_task(score(engine, local.spec, items))
            if until is not None:
                await asyncio.sleep(until)
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
            else:
                await asked
        return time.perf_counter() - start

    whole = asyncio.run(seconds_of(long))
    asyncio.run(seconds_of(long, until=0.2))
    after = asyncio.run(seconds_of(long[:1]))
    assert after < 0.7 * whole
