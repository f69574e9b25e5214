"""A cable that can be pulled: a chosen request, and if wished all after it, find the connection dropped."""

from __future__ import annotations

from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Moment = Literal["before", "after"]


class Cable:
    """Middleware around a server. `requests` lists what came through, with what became of the cut ones.

    `before`: the request is never heard. `after`: it is carried out, and the answer is lost.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.requests: list[str] = []
        self._app = app
        self._at: int | None = None
        self._moment: Moment = "before"
        self._is_for_good = False

    def cut(self, at: int, moment: Moment, *, is_for_good: bool) -> None:
        """Cut at the request of that number, counted from 0 and from now on; `is_for_good` until `mend`."""
        self.requests.clear()
        self._at, self._moment, self._is_for_good = at, moment, is_for_good

    def mend(self) -> None:
        """Let everything through again, and forget what came."""
        self.requests.clear()
        self._at = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = len(self.requests)
        self.requests.append(f"{scope['method']} {scope['path']}")
        if not self._is_cut(number):
            await self._app(scope, receive, send)
            return
        if self._moment == "after" and number == self._at:
            await self._app(scope, receive, _to_nowhere)
        transport: Any = getattr(send, "__self__").transport  # noqa: B009 -- uvicorn's, below what ASGI knows
        transport.abort()

    def _is_cut(self, number: int) -> bool:
        if self._at is None:
            return False
        return number >= self._at if self._is_for_good else number == self._at


async def _to_nowhere(_: Message) -> None:
    pass
