"""One whole answer from one OpenAI-compatible endpoint: asked for in one piece, checked, or one `ChatError`."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
from pydantic import BaseModel, ValidationError

from data_gen.asking import Answer, Request
from data_gen.chat import FinishReason
from data_gen.errors import ChatCutOff, ChatError, ChatGarbage, ChatRefused, ChatTimeout
from data_gen.openai_body import Dialect, request_body
from data_gen.openai_connection import OpenAIConnection
from data_gen.openai_errors import Addressee, Patience, chat_error, cut_off, garbage
from data_gen.openai_spec import host

_FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Address:
    """Where a teacher can be asked, and with which key."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    dialect: Dialect = "openai"


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(BaseModel):
    """What is read of a chat completion; the client's own type is built without any check."""

    choices: tuple[_Choice, ...]
    usage: _Usage | None = None


class OpenAICompletions:
    """Asks one model at one address. Open it (`async with`) for as long as it is asked: that keeps its connections."""

    def __init__(self, model: str, address: Address, timeout_seconds: float) -> None:
        self.host = host(address.base_url)
        patience = Patience(_CONNECT_SECONDS, timeout_seconds, timeout_seconds)
        self._addressee = Addressee(self.host, model, address.api_key or None, address.dialect == "engine", patience)
        self._connection = OpenAIConnection(address.base_url, self._addressee)
        self._model = model
        self._address = address
        self._timeout_seconds = timeout_seconds
        # Whether it takes `response_format`: unknown until one request with it has been answered or refused.
        self._takes_schema: bool | None = None
        self._probing = asyncio.Lock()
        self._kept_open = AsyncExitStack()

    async def __aenter__(self) -> OpenAICompletions:
        await self._kept_open.enter_async_context(self._connection.client())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._kept_open.aclose()

    async def ask(self, request: Request) -> Answer:
        """Return the answer; its form is asked for by JSON schema where the endpoint takes one."""
        body = completion_body(self._model, self._address, request)
        if request.answer_schema is None or self._takes_schema is False:
            return await self._post(body)
        with_schema = body | {"response_format": response_format(request)}
        if self._takes_schema:
            return await self._post(with_schema)
        async with self._probing:
            if self._takes_schema is None:
                return await self._probe(body, with_schema)
        return await self._post(with_schema if self._takes_schema else body)

    async def _probe(self, plain: dict[str, Any], with_schema: dict[str, Any]) -> Answer:
        """Ask with a schema, and without one if that is refused; remember which of them was answered."""
        try:
            answer = await self._post(with_schema)
        except ChatRefused:
            answer = await self._post(plain)
            self._takes_schema = False
        else:
            self._takes_schema = True
        return answer

    async def _post(self, body: dict[str, Any]) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_seconds), self._connection.client() as client:
                said = await client.post("/chat/completions", body=body, cast_to=object)
        except Exception as error:
            # Any kind: the client lets through what its transport, its decoder and its JSON parser raise.
            was_sent = not _was_never_sent(error)
            chat = chat_error(error, self._addressee, has_begun=was_sent)
            chat.may_be_billed = was_sent and isinstance(chat, ChatTimeout | ChatCutOff | ChatGarbage)
            raise chat from error
        try:
            return read_answer(said, self._addressee)
        except ChatError as error:
            error.may_be_billed = True
            raise


def completion_body(model: str, address: Address, request: Request) -> dict[str, Any]:
    """Return the body of a request, but for the form of its answer."""
    body = request_body(model, address.base_url, request.conversation, request.sampling, address.dialect)
    if request.draw and "seed" in body:  # the same seed would draw the same answer again
        body["seed"] = (body["seed"] + request.draw) % 2**31
    return body


def response_format(request: Request) -> dict[str, Any]:
    """Return the field by which OpenAI, vLLM and llama.cpp take a JSON schema."""
    schema = request.answer_schema or {}
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(schema.get("title", "answer")))[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}


def read_answer(said: object, addressee: Addressee) -> Answer:
    """Check a chat completion and take the answer from it; raise a `ChatError` for what is none."""
    if isinstance(said, str):
        raise garbage(addressee, "answers with a web page" if "<" in said[:200] else "answers with plain text")
    try:
        reply = _Reply.model_validate(said)
    except ValidationError as error:
        raise garbage(addressee, "sent something that is not a chat completion") from error
    if not reply.choices:
        raise garbage(addressee, "sent a chat completion without any answer in it")
    message, reason = reply.choices[0].message, reply.choices[0].finish_reason
    if reason is None:
        raise cut_off(addressee)
    if reason == "content_filter":
        raise ChatRefused(f"{addressee.name} withheld the answer by its content filter: ask in other words.")
    if reason not in _FINISH_REASONS:
        raise ChatCutOff(f"{addressee.name} ended the answer for a reason of its own (“{reason[:40]}”): try again.")
    text = message.content if message.content is not None else message.refusal
    if text is None:
        raise garbage(addressee, "sent an answer without any text")
    usage = reply.usage or _Usage()
    return Answer(text, _FINISH_REASONS[reason], usage.prompt_tokens or 0, usage.completion_tokens or 0)


def _was_never_sent(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
            return True
        error = error.__cause__ or error.__context__
    return False
