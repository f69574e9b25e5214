"""Ask a model behind an OpenAI-compatible API: OpenAI, vLLM, llama.cpp, Ollama, and this project's own engine.

Whatever goes wrong leaves as one `ChatError` in one sentence.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
from openai import AsyncStream

from data_gen.chat import Completion, Conversation, Delta, FinishReason, Sampling, Sent, Waiting
from data_gen.errors import ChatCutOff, ChatError, ChatRefused
from data_gen.openai_body import Dialect, request_body
from data_gen.openai_connection import OpenAIConnection
from data_gen.openai_errors import PATIENCE, Addressee, Patience, chat_error, cut_off, garbage
from data_gen.openai_reply import Chunk, EngineReport, Reply
from data_gen.openai_spec import host

# Once the answer is whole, only its figures are missing: not worth a long wait.
_FIGURES_SECONDS = 5.0

_FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
_END = object()


class OpenAIChat:
    """A model at an OpenAI-compatible endpoint, or in our own engine, which reports more (`dialect="engine"`)."""

    def __init__(
        self,
        spec: str,
        model: str,
        base_url: str,
        api_key: str | None,
        *,
        dialect: Dialect = "openai",
        patience: Patience = PATIENCE,
    ) -> None:
        self.spec = spec
        self._model = model
        self._base_url = base_url
        self._dialect = dialect
        self._addressee = Addressee(host(base_url), model, api_key or None, dialect == "engine", patience)
        self._connection = OpenAIConnection(base_url, self._addressee)

    async def stream(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Waiting | Delta | Completion, None]:
        body = request_body(self._model, self._base_url, conversation, sampling, self._dialect)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        reply = Reply()
        try:
            async with aclosing(self._chunks(body)) as chunks:
                async for chunk in chunks:
                    reply.take(chunk)
                    if self._dialect == "engine" and chunk.janus and chunk.janus.waiting:
                        yield Waiting(reason=chunk.janus.waiting)
                    if chunk.text:
                        yield Delta(text=chunk.text)
        except ChatError:
            if reply.finish_reason is None:
                raise
            # The answer is whole; the stream broke before it told its figures.
        yield self._completion(reply, body)

    async def _chunks(self, body: dict[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Yield the checked pieces of the answer; everything that fails fails as a `ChatError`."""
        has_begun = False
        patience_seconds = self._addressee.patience.piece_seconds
        try:
            async with self._connection.client() as client:
                stream = await client.post(
                    "/chat/completions", body=body, cast_to=object, stream=True, stream_cls=AsyncStream[object]
                )
                has_begun = True
                async with stream:
                    self._check_is_event_stream(stream.response)
                    while (piece := await _next(stream, patience_seconds)) is not _END:
                        chunk = Chunk.model_validate(piece)
                        if chunk.finish_reason is not None:
                            patience_seconds = min(patience_seconds, _FIGURES_SECONDS)
                        yield chunk
        except Exception as error:
            # Any kind: the client lets through what its transport, its decoder and its JSON parser raise.
            raise chat_error(error, self._addressee, has_begun) from error

    def _check_is_event_stream(self, response: httpx2.Response) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise garbage(self._addressee, "answers with a web page")
        if kind == "application/json":
            raise garbage(self._addressee, "answers in one piece although a stream was asked for")
        if kind not in ("text/event-stream", ""):
            raise garbage(self._addressee, "answers with something that is not a stream of text")

    def _completion(self, reply: Reply, body: dict[str, Any]) -> Completion:
        name = self._addressee.name
        if reply.finish_reason is None and reply.pieces and not reply.pieces_with_choices:
            raise garbage(self._addressee, "sent a stream without any answer in it")
        if reply.finish_reason is None:
            raise cut_off(self._addressee)
        if reply.finish_reason == "content_filter":
            raise ChatRefused(f"{name} withheld the answer by its content filter: ask in other words.")
        if reply.finish_reason not in _FINISH_REASONS:
            raise ChatCutOff(
                f"{name} ended the answer for a reason of its own (“{reply.finish_reason[:40]}”):"
                " it may be incomplete, so try again."
            )
        report = reply.report if self._dialect == "engine" else EngineReport()
        return Completion(
            text="".join(reply.texts),
            finish_reason=_FINISH_REASONS[reply.finish_reason],
            tokens=reply.usage.completion_tokens,
            prompt_tokens=reply.usage.prompt_tokens,
            timings=report.timings or reply.timings(),
            sent=report.sent or _sent(body),
        )


async def _next(stream: AsyncStream[object], patience_seconds: float) -> object:
    async with asyncio.timeout(patience_seconds):
        return await anext(stream, _END)


def _sent(body: dict[str, Any]) -> Sent:
    """Return the request itself: how the endpoint renders it into a prompt cannot be seen from here."""
    shown = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    has_system = any(message["role"] == "system" for message in body["messages"])
    return Sent(text=json.dumps(shown, ensure_ascii=False, indent=2), system_role="unknown" if has_system else "none")
