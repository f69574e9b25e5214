"""Against a real server on loopback: every fault becomes its one error in one sentence, and half an answer is none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from data_gen import errors
from data_gen.chat import Completion, Conversation, Delta, Sampling, Waiting
from data_gen.openai_chat import OpenAIChat
from data_gen.openai_errors import Patience
from tests import endpoint as served
from tests.endpoint import Reply, chunk, chunks_of, endpoint, fails, says, sends, streams

KEY = "sk-SENTINEL"
ASK = Conversation.ask("Which way?", system="Be brief.")
HASTY = Patience(connect_seconds=0.3, byte_seconds=0.3, piece_seconds=0.5)
CALM = Patience(connect_seconds=30, byte_seconds=30, piece_seconds=30)


def model_at(url: str, key: str | None = KEY, **options: Any) -> OpenAIChat:
    return OpenAIChat("openai:m", "m", url, key, patience=options.pop("patience", HASTY), **options)


async def events(model: OpenAIChat, sampling: Sampling | None = None) -> list[Waiting | Delta | Completion]:
    return [event async for event in model.stream(ASK, sampling or Sampling())]


def ask(*script: Reply, **options: Any) -> list[Waiting | Delta | Completion]:
    with endpoint(*script) as server:
        return asyncio.run(events(model_at(server.url, **options)))


def test_an_answer_streams_and_ends_in_a_completion() -> None:
    *deltas, completion = ask(says("Go left, then right.", words_per_second=50))
    assert [event.text for event in deltas] == ["Go", " left,", " then", " right."]
    assert completion.text == "Go left, then right."
    assert (completion.finish_reason, completion.tokens, completion.prompt_tokens) == ("stop", 4, 7)
    assert 0 < completion.timings.ttft_s < completion.timings.total_s
    assert 25 < completion.timings.tokens_per_s < 60
    assert completion.sent.system_role == "unknown"
    assert json.loads(completion.sent.text)["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_length_limit_and_an_empty_answer_are_answers() -> None:
    assert ask(streams(chunks_of("Go", "length")))[-1].finish_reason == "length"
    (completion,) = ask(streams([chunk("", "stop")]))
    assert (completion.text, completion.tokens, completion.timings) == ("", None, None)


def test_an_answer_that_is_whole_survives_what_breaks_after_it() -> None:
    for broken in ("data: {nope\n\n", {"error": {"message": "no usage today"}}):
        completion = ask(streams([chunk("Go"), chunk("", "stop"), broken]))[-1]
        assert (completion.text, completion.tokens) == ("Go", None)
        assert completion.timings.tokens_per_s is None


FAULTS = {
    "wrong key": (fails(401, f"Incorrect key {KEY}"), errors.ChatRefused, ["does not accept the API key"]),
    "forbidden": (fails(403, "Not yours"), errors.ChatRefused, ["403", "Not yours", "another model"]),
    "no such model": (fails(404, "no model m"), errors.ChatRefused, ["does not know the model m", "/v1"]),
    "too long": (fails(400, f"9000 tokens, {KEY}"), errors.ChatRefused, ["400", "9000 tokens", "settings"]),
    "strict server": (fails(422, "extra field"), errors.ChatRefused, ["422", "extra field"]),
    "redirect": (
        sends("", "text/plain", 307, {"location": "/v2"}),
        errors.ChatRefused,
        ["redirects", "final base URL"],
    ),
    "too many": (fails(429, "slow down", {"retry-after": "7"}), errors.ChatRateLimited, ["too many", "in 7 s"]),
    "no credit": (fails(429, "quota", code="insufficient_quota"), errors.ChatCreditSpent, ["credit", "add credit"]),
    "broken": (fails(500, "boom"), errors.ChatUnavailable, ["failed (500", "boom", "try again"]),
    "proxy's error page": (sends("<html>x</html>", "text/html", 502), errors.ChatUnavailable, ["failed (502)"]),
    "error in the stream": (
        streams([chunk("Go"), {"error": {"message": f"out of memory {KEY}"}}]),
        errors.ChatUnavailable,
        ["broke its answer off", "out of memory"],
    ),
    "hang": (served.hangs(), errors.ChatTimeout, ["sent nothing"]),
    "slow first byte": (says("Go", seconds_before=2), errors.ChatTimeout, ["sent nothing"]),
    "drip of comments": (
        streams([": wait\n\n"], seconds_between=0.1, is_endless=True),
        errors.ChatTimeout,
        ["no part of an answer"],
    ),
    "no finish reason": (streams(chunks_of("Go left", None)), errors.ChatCutOff, ["cut the answer off", "try again"]),
    "tool call": (streams(chunks_of("Go", "tool_calls")), errors.ChatCutOff, ["tool_calls", "incomplete"]),
    "content filter": (streams(chunks_of("Go", "content_filter")), errors.ChatRefused, ["content filter"]),
    "web page": (sends("<html>Sign in</html>", "text/html"), errors.ChatGarbage, ["web page", "base URL"]),
    "plain JSON": (served.says_in_one_piece("Go"), errors.ChatGarbage, ["in one piece", "base URL"]),
    "binary": (sends(b"\0\1", "application/octet-stream"), errors.ChatGarbage, ["not a stream", "base URL"]),
    "compressed": (
        sends(b"\0", "text/event-stream", headers={"content-encoding": "gzip"}),
        errors.ChatGarbage,
        ["compresses"],
    ),
    "broken JSON": (streams([chunk("Go"), "data: {nope\n\n"]), errors.ChatGarbage, ["not a chat completion"]),
    "wrong JSON": (streams(["data: [1]\n\n"]), errors.ChatGarbage, ["not a chat completion"]),
    "wrong types": (streams([{"choices": [{"delta": {"content": 3}}]}]), errors.ChatGarbage, ["not a chat completion"]),
    "broken UTF-8": (sends(b"data: \xff\n\n", "text/event-stream"), errors.ChatGarbage, ["not a chat completion"]),
    "empty choices": (streams([{"choices": []}]), errors.ChatGarbage, ["without any answer"]),
    "endless line": (streams(["x" * 65536], is_endless=True), errors.ChatGarbage, ["more than 16 MiB"]),
    "endless error": (sends(b"x" * (17 * 2**20), "text/plain", 500), errors.ChatGarbage, ["more than 16 MiB"]),
}


def assert_is_one_sentence(error: errors.ChatError, words: list[str]) -> None:
    sentence = str(error)
    assert [word for word in words if word not in sentence] == []
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert not [odd for odd in (KEY, "Traceback", "Error", "httpx", "aiohttp", "errno") if odd in sentence]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_becomes_its_error_in_one_sentence(name: str) -> None:
    reply, kind, words = FAULTS[name]
    with endpoint(reply) as server:
        with pytest.raises(errors.ChatError) as caught:
            asyncio.run(events(model_at(server.url)))
        assert len(server.asked) == 1, "the client must not try again on its own"
    assert type(caught.value) is kind
    assert_is_one_sentence(caught.value, [*words, "127.0.0.1"])


def test_an_endpoint_without_a_key_says_that_it_wants_one() -> None:
    with pytest.raises(errors.ChatRefused, match="asks for an API key"):
        ask(fails(401, "no key"), key=None)


def test_a_key_that_no_header_can_carry_is_refused_unseen() -> None:
    with endpoint() as server, pytest.raises(errors.ChatRefused, match="copy and enter it again") as caught:
        asyncio.run(events(model_at(server.url, key="sk-SENTINEL\n")))
    assert not server.asked
    assert "SENTINEL" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250"}, 0.25), ({"retry-after": "soon"}, None), ({}, None)],
)
def test_the_wish_to_wait_is_kept(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(errors.ChatRateLimited) as caught:
        ask(fails(429, "slow down", headers))
    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize("is_cut_cleanly", [True, False])
def test_a_cut_at_any_byte_never_passes_for_an_answer(is_cut_cleanly: bool) -> None:
    pieces = [{"choices": [{"delta": {"content": text}}]} for text in ("Go", " é")]
    pieces += [{"choices": [{"finish_reason": "stop"}]}, {"choices": [], "usage": {"completion_tokens": 2}}]
    frames = [f"data: {json.dumps(one)}\n\n" for one in pieces]
    finished_at = len("".join(frames[:3]))
    cuts = range(len("".join(frames)) + 1)
    replies = [streams(pieces, cut_after_bytes=cut, is_cut_cleanly=is_cut_cleanly) for cut in cuts]

    async def answered_at_each_cut(url: str) -> dict[int, str]:
        answered = {}
        for cut in cuts:
            try:
                answered[cut] = (await events(model_at(url)))[-1].text
            except errors.ChatCutOff:
                continue
        return answered

    with endpoint(*replies) as server:
        answered = asyncio.run(answered_at_each_cut(server.url))
    assert set(answered.values()) <= {"Go é"}
    if is_cut_cleanly:
        assert set(answered) == set(cuts[finished_at:])
    else:
        assert set(answered) <= set(cuts[finished_at:]), "the transport may drop what came just before the cut"


def test_the_request_says_what_was_asked_in_the_endpoints_words() -> None:
    wishes = Sampling(temperature=0.5, top_p=0.8, repetition_penalty=1.1, max_new_tokens=9, seed=4, stop=("END",))
    with endpoint() as server:
        asyncio.run(events(model_at(server.url, patience=CALM), wishes))
        asyncio.run(events(model_at(server.url, patience=CALM, dialect="engine"), Sampling()))
    own_server, engine = (asked.body for asked in server.asked)
    expected = {"temperature": 0.5, "top_p": 0.8, "max_tokens": 9, "seed": 4, "stop": ["END"], "model": "m"}
    assert expected.items() <= own_server.items()
    assert own_server["repetition_penalty"] == own_server["repeat_penalty"] == 1.1
    assert engine["repetition_penalty"] == 1.03
    assert not {"repeat_penalty", "seed", "stop"} & engine.keys()


def test_the_engines_own_report_is_believed_but_only_the_engines() -> None:
    report = {
        "timings": {"ttft_s": 0.5, "total_s": 2.0, "tokens_per_s": 8.0},
        "sent": {"text": "[INST] Be brief.", "system_role": "folded"},
    }
    waiting = {"choices": [], "janus": {"waiting": "Loading weights"}}
    told = streams([waiting, *chunks_of("Go left", janus=report)])
    first, *_, completion = ask(told, dialect="engine")
    assert first == Waiting(reason="Loading weights")
    assert completion.timings.tokens_per_s == 8.0
    assert (completion.sent.text, completion.sent.system_role) == ("[INST] Be brief.", "folded")

    *deltas, completion = ask(told)
    assert all(isinstance(event, Delta) for event in deltas)
    assert completion.sent.system_role == "unknown"


def test_the_engines_report_may_come_with_the_usage() -> None:
    timings = {"ttft_s": 0.5, "total_s": 2.0}
    last = {"choices": [], "usage": {"completion_tokens": 1}, "janus": {"timings": timings}}
    completion = ask(streams([chunk("Go"), chunk("", "stop"), last]), dialect="engine")[-1]
    assert (completion.timings.ttft_s, completion.tokens) == (0.5, 1)


def test_the_engines_own_sentence_is_passed_on() -> None:
    sentence = "The model needs 14 GiB and this machine has 3: take a smaller one."
    for reply in (fails(507, sentence), streams([{"error": {"message": sentence}}])):
        with pytest.raises(errors.ChatUnavailable) as caught:
            ask(reply, dialect="engine")
        assert str(caught.value) == sentence
