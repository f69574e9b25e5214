"""The engine process as a stranger sees it: the real openai client, real sockets, real deaths."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from data_gen.answers import schema_of
from janus_space.engine.process import Endpoint, EngineFailed, EnginePool, EngineProcess
from janus_space.home import Home
from janus_space.judging.rubric import RubricVerdict
from tests.janus_space.engine.conftest import Tiny
from tests.janus_space.engine.tiny_batch import PlainModel

ASK: Any = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Who are you?"}]


@pytest.fixture(scope="module")
def running(llama: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoint, str]]:
    """An engine over the tiny Llama, started through the pool as the app does it."""
    pool = EnginePool(Home.at(tmp_path_factory.mktemp("home")), threads=1)
    base = f"path:{llama.folder}"

    async def wait() -> Endpoint:
        async with pool.lease(base, "cpu", lambda text: None) as endpoint:
            return endpoint

    yield asyncio.run(wait()), base
    pool.close()


def _client(endpoint: Endpoint, key: str | None = None) -> openai.OpenAI:
    return openai.OpenAI(base_url=endpoint.url, api_key=key or endpoint.token, max_retries=0, timeout=30)


def test_the_openai_client_reads_a_whole_answer(running: tuple[Endpoint, str], llama: Tiny) -> None:
    endpoint, base = running
    answer = _client(endpoint).chat.completions.create(
        model=base, messages=ASK, max_tokens=6, temperature=0, extra_body={"repetition_penalty": 1.0}
    )
    plain = PlainModel(llama.folder)
    rendered = plain.tokenizer.apply_chat_template(ASK, add_generation_prompt=True)["input_ids"]
    text = answer.choices[0].message.content
    assert text == plain.answer(rendered, max_new_tokens=6, min_new_tokens=0)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == len(rendered)
    assert answer.choices[0].finish_reason in ("length", "stop")


def in_form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema, "strict": True}}


def test_an_answer_keeps_the_form_that_was_asked_for(running: tuple[Endpoint, str]) -> None:
    endpoint, base = running
    asked: Any = {"model": base, "messages": ASK, "max_tokens": 600, "temperature": 1.5, "extra_body": {"top_p": 1.0}}
    form: Any = in_form(schema_of(RubricVerdict))
    said = [
        _client(endpoint).chat.completions.create(**asked, seed=seed, response_format=form).choices[0]
        for seed in range(4)
    ]
    assert {one.finish_reason for one in said} == {"stop"}
    assert all(1 <= RubricVerdict.model_validate_json(one.message.content or "").score <= 5 for one in said)
    stream = _client(endpoint).chat.completions.create(**asked, seed=0, response_format=form, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(pieces) == said[0].message.content


def test_a_form_that_cannot_be_held_is_refused_in_a_sentence(running: tuple[Endpoint, str]) -> None:
    endpoint, base = running
    form: Any = in_form({"type": "nonsense"})
    with pytest.raises(openai.BadRequestError, match="This schema cannot be held to"):
        _client(endpoint).chat.completions.create(model=base, messages=ASK, response_format=form)


def test_a_stream_ends_with_the_figures_and_what_was_sent(running: tuple[Endpoint, str]) -> None:
    endpoint, base = running
    stream = _client(endpoint).chat.completions.create(model=base, messages=ASK, max_tokens=8, seed=1, stream=True)
    chunks = list(stream)
    extras = (chunks[-1].model_extra or {})["janus"]
    assert chunks[-1].choices[0].finish_reason in ("length", "stop")
    assert "You are a pirate." in extras["sent"]["text"]
    assert extras["sent"]["system_role"] == "native"
    assert extras["timings"]["ttft_s"] > 0


def test_adapters_are_loaded_when_asked_for_and_listed(running: tuple[Endpoint, str], llama: Tiny) -> None:
    endpoint, base = running
    client = _client(endpoint)
    adapted = f"{base}+{llama.adapters['a']}"
    options: Any = {"messages": ASK, "max_tokens": 6, "temperature": 0, "extra_body": {"repetition_penalty": 1.0}}
    ours = client.chat.completions.create(model=adapted, **options).choices[0].message.content
    plain = PlainModel(llama.folder, llama.adapters)
    rendered = plain.tokenizer.apply_chat_template(ASK, add_generation_prompt=True)["input_ids"]
    assert ours == plain.answer(rendered, "a", max_new_tokens=6, min_new_tokens=0)
    assert {model.id for model in client.models.list()} >= {base, adapted}


def test_nobody_without_the_token_is_answered(running: tuple[Endpoint, str]) -> None:
    endpoint, base = running
    for key in ("none", endpoint.token[:-1], endpoint.token + "x"):
        with pytest.raises(openai.AuthenticationError):
            _client(endpoint, key).chat.completions.create(model=base, messages=ASK)
        with pytest.raises(openai.AuthenticationError):
            _client(endpoint, key).models.list()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "hf:other/model"}, "not hf:other/model"),
        ({"messages": []}, "messages"),
        ({"n": 2}, "n:"),
        ({"messages": [{"role": "user", "content": "long " * 9000}]}, "reads at most"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}, "user"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_sentence(
    running: tuple[Endpoint, str], change: dict[str, Any], words: str
) -> None:
    endpoint, base = running
    with pytest.raises(openai.APIStatusError) as refused:
        _client(endpoint).chat.completions.create(**{"model": base, "messages": ASK, **change})
    assert 400 <= refused.value.status_code < 500
    assert words in str(refused.value)


def test_numbers_out_of_range_are_clamped(running: tuple[Endpoint, str]) -> None:
    endpoint, base = running
    answer = _client(endpoint).chat.completions.create(
        model=base, messages=ASK, temperature=99, top_p=5, max_tokens=3, extra_body={"repetition_penalty": -1}
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 3


def test_scores_come_a_token(running: tuple[Endpoint, str], llama: Tiny) -> None:
    import json
    import urllib.request

    endpoint, base = running
    body = json.dumps({"model": base, "items": [{"messages": ASK, "answer": "The sea is wide."}] * 2}).encode()
    request = urllib.request.Request(f"{endpoint.url}/score", body, {"Authorization": f"Bearer {endpoint.token}"})
    with urllib.request.urlopen(request) as reply:
        first, second = json.loads(reply.read())["scores"]
    plain = PlainModel(llama.folder)
    prompt = plain.tokenizer.apply_chat_template(ASK, add_generation_prompt=True)["input_ids"]
    answer = plain.tokenizer("The sea is wide.", add_special_tokens=False)["input_ids"]
    assert first["logprobs"] == pytest.approx(plain.logprobs(prompt, answer), abs=1e-4)
    assert second["logprobs"] == pytest.approx(first["logprobs"], abs=1e-5)
    assert "".join(first["tokens"]).strip() == "The sea is wide."


def test_who_comes_as_soon_as_the_port_is_told_is_not_refused(llama: Tiny, tmp_path: Path) -> None:
    engine = EngineProcess(f"path:{llama.folder}", "cpu", tmp_path / "models", threads=1)
    try:
        while (endpoint := engine.endpoint()) is None:
            time.sleep(0.001)
        with socket.socket() as comer:
            assert comer.connect_ex(("127.0.0.1", urlsplit(endpoint.url).port)) == 0
    finally:
        engine.close()


def test_hanging_up_frees_the_row(running: tuple[Endpoint, str]) -> None:
    endpoint, base = running
    client = _client(endpoint)
    slow = {"model": base, "messages": ASK, "max_tokens": 4000, "temperature": 2.0, "stream": True}
    streams: list[Any] = [client.chat.completions.create(**slow) for _ in range(32)]
    for stream in streams:
        next(iter(stream))
    start = time.perf_counter()
    for stream in streams:
        stream.close()
    # All 32 places were taken; an answer can only come when they have been given back.
    client.chat.completions.create(model=base, messages=ASK, max_tokens=2)
    assert time.perf_counter() - start < 10


def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    pool = EnginePool(Home.at(tmp_path / "home"), threads=1)

    async def ask() -> None:
        async with pool.lease(f"path:{tmp_path}", "cpu", lambda text: None):
            pass

    with pytest.raises(EngineFailed, match=r"no config\.json"):
        asyncio.run(ask())
    pool.close()


_PARENT = """
import asyncio, sys
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.judging.rubric import RubricVerdict
pool = EnginePool(Home.at(sys.argv[2]), threads=1)
async def go():
    async with pool.lease(sys.argv[1], "cpu", lambda text: None):
        print(*pool.pids(), flush=True)
        await asyncio.sleep(120)
asyncio.run(go())
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_engine_ends_when_its_parent_dies_however_that_dies(llama: Tiny, tmp_path: Path, death: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, f"path:{llama.folder}", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        engine = int(parent.stdout.readline())
        assert _is_running(engine)
        parent.send_signal(death)
        parent.wait(timeout=20)
    deadline = time.monotonic() + 10
    while _is_running(engine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(engine)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
