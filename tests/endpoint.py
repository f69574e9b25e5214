"""A real OpenAI-compatible HTTP server on loopback that misbehaves as told; it records who asked, and how they left."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Answer = str | Callable[[dict[str, Any]], str]


@dataclass
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    left_early: threading.Event = field(default_factory=threading.Event)


Reply = Callable[[Request, Asked], Awaitable[Response]]


@dataclass
class Endpoint:
    """Where it listens and what came in. `script` holds one reply a request; the last one stays."""

    url: str
    script: list[Reply]
    asked: list[Asked] = field(default_factory=list)

    async def reply(self, request: Request) -> Response:
        raw = await request.body()
        asked = Asked(request.url.path, dict(request.headers), json.loads(raw) if raw else {})
        self.asked.append(asked)
        reply = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        return await reply(request, asked)


@contextmanager
def endpoint(*script: Reply) -> Iterator[Endpoint]:
    """Run one in a thread; with no script it answers every question."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", list(script) or [says("Hello there.")])
        with serving(Starlette(routes=[Route("/{path:path}", served.reply, methods=["GET", "POST"])]), listener):
            yield served


@contextmanager
def serving(app: Starlette, listener: socket.socket) -> Iterator[None]:
    """Serve an app in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True  # whoever still hangs has been seen enough
        thread.join(10)


def chunk(text: str = "", finish_reason: str | None = None, **extra: Any) -> dict[str, Any]:
    """Build one piece of a streamed chat completion."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish_reason}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **extra}


def chunks_of(text: str, finish_reason: str | None = "stop", **extra: Any) -> list[dict[str, Any]]:
    """Build a whole streamed answer, a piece a word, with `extra` fields on its last piece and the usage after it."""
    words = text.split(" ")
    pieces = [chunk(word if index == 0 else f" {word}") for index, word in enumerate(words)]
    usage = {"prompt_tokens": 7, "completion_tokens": len(words), "total_tokens": 7 + len(words)}
    end = [] if finish_reason is None else [chunk("", finish_reason, **extra)]
    return [*pieces, *end, {**chunk(), "choices": [], "usage": usage}]


def says(answer: Answer, words_per_second: float = 0.0, seconds_before: float = 0.0) -> Reply:
    """Answer as asked for, in one piece or streamed; a callable makes the answer from the request's body."""

    async def reply(request: Request, asked: Asked) -> Response:
        text = answer if isinstance(answer, str) else answer(asked.body)
        await asyncio.sleep(seconds_before)
        if asked.body.get("stream"):
            pause = 1 / words_per_second if words_per_second else 0.0
            return await streams(chunks_of(text), seconds_between=pause)(request, asked)
        return _whole(text)

    return reply


def says_in_one_piece(text: str) -> Reply:
    """Answer with plain JSON, although a stream was asked for."""

    async def reply(request: Request, asked: Asked) -> Response:
        return _whole(text)

    return reply


def streams(
    pieces: list[Any],
    *,
    seconds_between: float = 0.0,
    cut_after_bytes: int | None = None,
    is_cut_cleanly: bool = False,
    is_endless: bool = False,
) -> Reply:
    """Stream these pieces (dicts, or text as it is) and [DONE], or the first bytes of that, or the pieces for ever.

    A clean cut ends the reply as if it were whole; the other drops the connection.
    """
    frames = [f"data: {json.dumps(one)}\n\n".encode() if isinstance(one, dict) else one.encode() for one in pieces]
    frames += [] if is_endless else [b"data: [DONE]\n\n"]
    if cut_after_bytes is not None:
        frames = [b"".join(frames)[:cut_after_bytes]]

    async def reply(request: Request, asked: Asked) -> Response:
        async def body() -> AsyncIterator[bytes]:
            try:
                while True:
                    for frame in frames:
                        yield frame
                        await asyncio.sleep(seconds_between)
                    if not is_endless:
                        break
            except (asyncio.CancelledError, GeneratorExit):
                asked.left_early.set()
                raise
            if cut_after_bytes is not None and not is_cut_cleanly:
                raise ConnectionError("cut, as the script says")

        return StreamingResponse(body(), media_type="text/event-stream")

    return reply


def fails(status: int, message: str = "", headers: Mapping[str, str] | None = None, **error: Any) -> Reply:
    """Refuse in OpenAI's error format."""

    async def reply(request: Request, asked: Asked) -> Response:
        return JSONResponse({"error": {"message": message, **error}}, status, headers)

    return reply


def sends(body: str | bytes, media_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Send these bytes, whatever they are."""

    async def reply(request: Request, asked: Asked) -> Response:
        return Response(body, status, headers, media_type)

    return reply


def hangs(seconds: float = 60.0) -> Reply:
    """Accept the request and stay silent."""

    async def reply(request: Request, asked: Asked) -> Response:
        for _ in range(int(seconds / 0.05)):
            if await request.is_disconnected():
                asked.left_early.set()
                break
            await asyncio.sleep(0.05)
        return Response(status_code=204)

    return reply


def _whole(text: str) -> Response:
    message = {"role": "assistant", "content": text}
    words = len(text.split(" "))
    usage = {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return JSONResponse({"id": "c1", "object": "chat.completion", "model": "m", "choices": choices, "usage": usage})
