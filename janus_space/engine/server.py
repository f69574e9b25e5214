"""The engine's face: OpenAI's chat completions on loopback, JSON schemas included, and scores.

Beside OpenAI's fields a chunk may carry `janus`: `sent` and `timings` on the last one (data_gen/chat.py).
`POST /v1/score` takes {model, items: [{messages, answer}]} and returns {scores: [{tokens, logprobs}]}.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from data_gen.chat import Sent
from janus_space.engine.batch import Broken, Finished, Piece, Request, end_tokens
from janus_space.engine.form import Form, FormRefused, Forms
from janus_space.engine.loop import Loop
from janus_space.engine.requests import ChatMessage, ChatRequest, ScoreRequest
from janus_space.engine.scoring import Scored, tokenised
from trainer import chat_template
from trainer.errors import ModelError, TrainerError
from trainer.model import LoadedModel, adapter_folder
from trainer.model_spec import ModelSpec

Event = Piece | Finished | Broken
T = TypeVar("T")


class Refused(Exception):
    """A request that cannot be served; becomes OpenAI's error object."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Answering:
    """One request on its way through the batch."""

    request: Request
    events: asyncio.Queue[Event]
    sent: Sent
    id: str


class Server:
    """Routes over one loaded base and its adapters."""

    def __init__(self, base: str, loaded: LoadedModel, loop: Loop, token: str) -> None:
        self._base, self._loaded, self._loop = base, loaded, loop
        self._token = token
        self._loading = asyncio.Lock()
        self._forms = Forms(loaded.tokenizer, _vocabulary(loaded.model), end_tokens(loaded.model, loaded.tokenizer))
        self._read_at_most = int(loaded.model.config.get_text_config().max_position_embeddings)

    def app(self) -> Starlette:
        routes = [
            Route("/v1/chat/completions", self._guarded(self.chat), methods=["POST"]),
            Route("/v1/score", self._guarded(self.score), methods=["POST"]),
            Route("/v1/models", self._guarded(self.models), methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def _guarded(
        self, serve: Callable[[HttpRequest], Awaitable[Response]]
    ) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def guarded(http: HttpRequest) -> Response:
            try:
                given = http.headers.get("authorization", "").removeprefix("Bearer ")
                if not hmac.compare_digest(given.encode(), self._token.encode()):
                    raise Refused(401, "invalid_api_key", "This engine answers only to the app that started it.")
                return await serve(http)
            except Refused as refused:
                return _error(refused.status, refused.code, str(refused))
            except ValidationError as invalid:
                first = invalid.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                return _error(400, "invalid_request_error", f"{where or 'The request'}: {first['msg']}")
            except ModelError as error:
                return _error(404, "model_not_found", str(error))
            except TrainerError as error:
                return _error(400, "invalid_request_error", str(error))

        return guarded

    async def models(self, http: HttpRequest) -> Response:
        """List the base and the adapters loaded so far."""
        names = [self._base, *self._loop.adapters]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "janus-space"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    async def chat(self, http: HttpRequest) -> Response:
        """Answer a conversation, streaming or whole."""
        asked = ChatRequest.model_validate(await _json(http))
        answering = await self._join(asked)
        if asked.stream:
            return StreamingResponse(self._chunks(asked.model, answering), media_type="text/event-stream")
        return await self._whole(http, asked.model, answering)

    async def score(self, http: HttpRequest) -> Response:
        """Return the log-probability of every token of given answers."""
        asked = ScoreRequest.model_validate(await _json(http))
        adapter = await self._adapter(asked.model)
        texts, shown = [], []
        for item in asked.items:
            prompt = self._rendered(item.messages).token_ids
            answer, pieces = tokenised(self._loaded.tokenizer, item.answer)
            self._check_length(len(prompt) + len(answer))
            texts.append(Scored(prompt, answer, adapter))
            shown.append(pieces)
        work = self._loop.score(texts)
        try:
            scores = await _unless_gone(http, asyncio.wrap_future(work))
        finally:
            work.cancel()
        rows = [{"tokens": tokens, "logprobs": one} for tokens, one in zip(shown, scores, strict=True)]
        return JSONResponse({"model": asked.model, "scores": rows})

    async def _join(self, asked: ChatRequest) -> Answering:
        adapter = await self._adapter(asked.model)
        rendered = self._rendered(asked.messages)
        sampling = asked.sampling()
        room = self._check_length(len(rendered.token_ids) + 1)
        sampling = sampling.model_copy(update={"max_new_tokens": min(sampling.max_new_tokens, room + 1)})
        form = await self._form(asked, sampling.max_new_tokens)
        events: asyncio.Queue[Event] = asyncio.Queue()
        here = asyncio.get_running_loop()
        request = Request(
            rendered.token_ids, sampling, adapter, lambda event: _unless_closed(here, events.put_nowait, event), form
        )
        self._loop.answer(request)
        sent = Sent(text=rendered.text, system_role=rendered.system_role)
        return Answering(request, events, sent, f"chatcmpl-{secrets.token_hex(12)}")

    async def _chunks(self, model: str, answering: Answering) -> AsyncIterator[str]:
        try:
            yield _chunk(model, answering.id, {"role": "assistant", "content": ""})
            while True:
                event = await answering.events.get()
                if isinstance(event, Piece):
                    yield _chunk(model, answering.id, {"content": event.text})
                elif isinstance(event, Broken):
                    yield f"data: {json.dumps({'error': _error_object('engine_failed', event.message)})}\n\n"
                    return
                else:
                    yield _chunk(model, answering.id, {}, event.finish_reason, _extras(answering, event))
                    yield "data: [DONE]\n\n"
                    return
        finally:
            answering.request.cancelled = True

    async def _whole(self, http: HttpRequest, model: str, answering: Answering) -> Response:
        text = ""
        try:
            while True:
                event = await _unless_gone(http, asyncio.ensure_future(answering.events.get()))
                if isinstance(event, Broken):
                    return _error(500, "engine_failed", event.message)
                if isinstance(event, Finished):
                    break
                text += event.text
        finally:
            answering.request.cancelled = True
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": event.finish_reason}
        head = {"id": answering.id, "object": "chat.completion", "created": int(time.time()), "model": model}
        return JSONResponse({**head, "choices": [choice], **_extras(answering, event)})

    async def _form(self, asked: ChatRequest, most_tokens: int) -> Form | None:
        schema = None if asked.response_format is None else asked.response_format.schema_wanted()
        if schema is None:
            return None
        try:
            return await asyncio.to_thread(self._forms.form, schema, most_tokens)
        except FormRefused as refused:
            raise Refused(400, "invalid_request_error", str(refused)) from refused

    async def _adapter(self, model: str) -> str | None:
        spec = ModelSpec.parse(model)
        if spec.base != self._base:
            raise Refused(404, "model_not_found", f"This engine holds {self._base}, not {spec.base}.")
        if spec.adapter is None:
            return None
        async with self._loading:
            if model not in self._loop.adapters:
                folder = await asyncio.to_thread(adapter_folder, spec.adapter, lambda _: None)
                await asyncio.wrap_future(self._loop.load_adapter(model, folder))
        return model

    def _rendered(self, messages: list[ChatMessage]) -> chat_template.Rendered:
        return chat_template.render(self._loaded.tokenizer, [message.model_dump() for message in messages])

    def _check_length(self, tokens: int) -> int:
        if tokens > self._read_at_most:
            told = f"The conversation has {tokens} tokens; this model reads at most {self._read_at_most}. Shorten it."
            raise Refused(400, "context_length_exceeded", told)
        return self._read_at_most - tokens


def _vocabulary(model: Any) -> int:
    """Count a model's logits, which may be more than its tokens."""
    return int(model.get_output_embeddings().weight.shape[0])


async def _json(http: HttpRequest) -> Any:
    try:
        return await http.json()
    except ValueError as error:
        raise Refused(400, "invalid_request_error", "The body of the request is not JSON.") from error


async def _unless_gone(http: HttpRequest, work: asyncio.Future[T]) -> T:
    """Wait for work, but give it up when the caller hangs up."""
    while not work.done():
        await asyncio.wait([work], timeout=0.5)
        if not work.done() and await http.is_disconnected():
            work.cancel()
            raise Refused(499, "client_closed", "The caller hung up.")
    return work.result()


def _unless_closed(loop: asyncio.AbstractEventLoop, call: Callable[[Event], None], event: Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, event)


def _extras(answering: Answering, end: Finished) -> dict[str, Any]:
    read = len(answering.request.token_ids)
    usage = {"prompt_tokens": read, "completion_tokens": end.tokens, "total_tokens": read + end.tokens}
    return {"usage": usage, "janus": {"timings": end.timings.model_dump(), "sent": answering.sent.model_dump()}}


def _chunk(
    model: str, id: str, delta: dict[str, str], finish_reason: str | None = None, extras: dict[str, Any] | None = None
) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {"id": id, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    return f"data: {json.dumps({**head, 'choices': [choice], **(extras or {})})}\n\n"


def _error_object(code: str, message: str) -> dict[str, str]:
    return {"message": message, "type": code, "code": code}


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": _error_object(code, message)}, status_code=status)
