"""A teacher that fails as endpoints do: each fault by a schedule that is a function of the request and its attempt."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.endpoint import Asked, says
from tests.teacher import answer, level, preference_set

BURST_EVERY, BURST_LENGTH = 400, 20  # 5% of the requests, twenty in a row
FAULTS = ("500", "hang", "cut", "malformed", "wrong count", "html")


class FaultyTeacher:
    """Counts what it would bill: whole answers by request, unusable ones, and those that never arrived whole."""

    def __init__(self, share: float = 0.05, hang_seconds: float = 60.0, seconds_before: float = 0.0) -> None:
        self.faults: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self.unusable = self.lost = 0
        self._share = share
        self._hang_seconds = hang_seconds
        self._seconds_before = seconds_before
        self._attempts: Counter[str] = Counter()
        self._received = 0

    @property
    def billed(self) -> int:
        return self.whole.total() + self.unusable + self.lost

    async def __call__(self, request: Request, asked: Asked) -> Response:
        self._received += 1
        if self._share and self._received % BURST_EVERY < BURST_LENGTH:
            self.faults["429"] += 1
            return JSONResponse({"error": {"message": "slow down"}}, 429, {"retry-after": "0.2"})
        key = hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()
        self._attempts[key] += 1
        fault = self._fault(key)
        self.faults[fault or "none"] += 1
        await asyncio.sleep(self._seconds_before)
        if fault is not None:
            return await self._fail(fault, request, asked.body)
        reply = await says(answer)(request, asked)
        if await request.is_disconnected():
            self.lost += 1
        else:
            self.whole[key] += 1
        return reply

    def _fault(self, key: str) -> str | None:
        drawn = hashlib.sha256(f"{key}:{self._attempts[key]}".encode()).digest()
        place = int.from_bytes(drawn[:8]) / 2**64
        return FAULTS[int(place / self._share)] if place < self._share * len(FAULTS) else None

    async def _fail(self, fault: str, request: Request, body: dict[str, Any]) -> Response:
        if fault == "500":
            return JSONResponse({"error": {"message": "boom"}}, 500)
        if fault == "html":
            return Response("<html><h1>Bad gateway</h1></html>", 200, media_type="text/html")
        if fault == "hang":
            self.lost += 1
            await _silence(request, self._hang_seconds)
            return Response(status_code=204)
        if fault == "cut":
            self.lost += 1
            return StreamingResponse(_cut(json.dumps(completion(answer(body)))), media_type="application/json")
        self.unusable += 1
        if level(body) != "preference_set":
            broken = '{"choices": [' if fault == "malformed" else json.dumps({"choices": []})
            return Response(broken, 200, media_type="application/json")
        four = preference_set(len(body["messages"]))
        said = json.dumps(four)[:-9] if fault == "malformed" else json.dumps(dict(list(four.items())[:3]))
        return JSONResponse(completion(said))


def completion(text: str) -> dict[str, Any]:
    """Build a whole chat completion."""
    choices = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split())}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": choices, "usage": usage}


async def _silence(request: Request, seconds: float) -> None:
    for _ in range(int(seconds / 0.1)):
        if await request.is_disconnected():
            return
        await asyncio.sleep(0.1)


async def _cut(text: str) -> AsyncIterator[bytes]:
    yield text[: len(text) // 2].encode()
    raise ConnectionError("cut, as the schedule says")
