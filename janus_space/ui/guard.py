"""Stand in front of Gradio: refuse foreign hosts, foreign pages, oversized bodies and routes this app does not use.

Gradio answers any Host and reflects any Origin, so without this a web page open in the owner's browser could
reach an app on loopback (DNS rebinding, cross-site requests). Every request that passes bears a `Visit`: who asks, and
what they have used. Events read it; without one they are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from janus_space.access import NOBODY, Caller, Role
from janus_space.door import Asked, Door, host_name
from janus_space.launch_token import TOKEN_QUESTION
from janus_space.limits import Meter, TooMuch
from janus_space.open_pages import OpenPages

MAX_BODY_BYTES = 2_000_000
UPLOAD_PATH = "/gradio_api/upload"
MAX_UPLOAD_BYTES = 50_000_000
REFUSED_PATHS = tuple(
    prefix + path
    for prefix in ("", "/gradio_api")
    for path in (
        "/proxy=",
        "/file=http",
        "/stream/",
        "/component_server",
        "/custom_component",
        "/deep_link",
        "/process_recording",
        "/run-history",
        "/runs",
        "/vibe",
        "/undo-vibe",
        "/mcp",
        "/monitoring",
        "/profiling",
        "/dev/",
        "/token",
        "/svelte/",
    )
)
MCP_PATHS = ("/gradio_api/mcp", "/gradio_api/mcp/")
"""Where tools are offered to MCP clients, in a house that its owner has started so."""
SIGN_IN_PATHS = ("/login", "/logout")
# What scripts use and the page does not: open to visitors where the owner wants it.
API_PATHS = tuple(
    prefix + path
    for prefix in ("", "/gradio_api")
    for path in ("/call/", "/info", "/openapi", "/run/", "/api/", "/mcp")
)
COUNTED_PATHS = ("/queue/join", "/call/", "/mcp", "/upload", "/cancel", "/reset")
EVENT_PATHS = ("/queue/join", "/queue/data", "/call/", "/mcp")
PLACES = 200
"""Visitors who are served at once: as many as one core can stream to. The owner is always served."""
STREAM_PATHS = ("/queue/data", "/heartbeat/")
# Gradio forgets the sessions beyond its 2,000th while they are in use: turned away, a visitor can come back.
MOST_STREAMS = 1500
NOT_LET_IN = (
    "This Janus Space wants its launch token: open the whole address that it printed when it started, ?token= included."
)
FULL_HOUSE = "This Janus Space is full: come back in a minute."
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "frame-ancestors 'self' https://huggingface.co",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        # An answer is a stranger's text: an image in it must not tell another server that it was read.
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
    )
)
SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
]


@dataclass(frozen=True)
class Visit:
    """Who makes a request, and the house's account of what everybody uses and has open."""

    caller: Caller
    meter: Meter
    pages: OpenPages


def visit_of(scope: Mapping[str, Any]) -> Visit:
    """Read who makes a request; one that did not come through the guard is nobody's."""
    visit = scope.get(_VISIT)
    return visit if isinstance(visit, Visit) else Visit(NOBODY, Meter(), OpenPages())


def bring_in(scope: Scope, visit: Visit) -> Scope:
    """Return the request with its visit on it."""
    return {**scope, _VISIT: visit}


_VISIT = "janus_space.visit"


class Guard:
    """Pure ASGI middleware, so that streams pass through it unbuffered."""

    def __init__(self, app: ASGIApp, door: Door, meter: Meter | None = None) -> None:
        self.app = app
        self.door = door
        self.meter = meter or Meter()
        self.pages = OpenPages()
        self.n_streams = 0
        self.n_answering = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        headers = _headers(scope)
        if (status := self._refusal(scope, headers)) is not None:
            return await _answer(send, status)
        if (home := self._shown_in(scope)) is not None:
            return await _answer(send, 303, headers=home)
        caller = self.door.caller(_asked(scope, headers))
        if caller is None:
            return await _answer(send, 401, NOT_LET_IN)
        if _is_closed_to(caller, scope["path"]) or not self.pages.is_of(_page_streamed(scope), caller):
            return await _answer(send, 404)
        try:
            self._count(caller, scope)
        except TooMuch as error:
            return await _answer(
                send, 429, str(error), [(b"retry-after", str(round(error.wait_seconds) or 1).encode())]
            )
        return await self._pass_on(bring_in(scope, Visit(caller, self.meter, self.pages)), receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, unless the house is full; what Gradio has taken up, it works at."""
        path, is_owner = _below_api(scope["path"]), visit_of(scope).caller.is_owner
        is_stream, is_event = path.startswith(STREAM_PATHS), path.startswith(EVENT_PATHS)
        is_full = is_event and not path.startswith(STREAM_PATHS) and self.n_answering >= PLACES and not is_owner
        if is_full or (is_stream and self.n_streams >= MOST_STREAMS):
            return await _answer(send, 503, FULL_HOUSE)
        self.n_streams += is_stream
        self.n_answering += is_event
        try:
            await self.app(scope, _capped(receive, _most_bytes(scope)), _with_safe_headers(send))
        finally:
            self.n_streams -= is_stream
            self.n_answering -= is_event

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> int | None:
        host = headers.get("host", "")
        if not self.door.is_own(host_name(host)):
            return 421
        if not self._is_own_page(headers.get("origin"), host):
            return 403
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and headers.get("sec-fetch-site", "none") not in (
            "same-origin",
            "none",
        ):
            return 403
        if self._has_no_route(scope["path"]):
            return 404
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > _most_bytes(scope):
            return 413
        return None

    def _has_no_route(self, path: str) -> bool:
        """Tell whether a route of Gradio is not one of this house."""
        if path in MCP_PATHS:
            return not self.door.has_tools
        signs_nobody_in = self.door.space is None or not self.door.space.signs_in
        return path.startswith(REFUSED_PATHS) or (signs_nobody_in and path.startswith(SIGN_IN_PATHS))

    def _is_own_page(self, origin: str | None, host: str) -> bool:
        if origin is None:
            return True
        netloc = urlsplit(origin).netloc  # empty for the origin "null" of sandboxed pages
        # Behind the proxy of a Space the port may differ; on loopback another port is another program.
        return netloc == host or (self.door.space is not None and host_name(netloc) in self.door.space.hosts)

    def _shown_in(self, scope: Scope) -> list[tuple[bytes, bytes]] | None:
        """Where a page is opened with the launch token, keep it in a cookie that scripts cannot read, and go on."""
        token = self.door.token
        if token is None or scope["method"] != "GET":
            return None
        question = parse_qsl(scope["query_string"].decode("latin1"), keep_blank_values=True)
        if not any(name == TOKEN_QUESTION and token.matches(value) for name, value in question):
            return None
        rest = urlencode([(name, value) for name, value in question if name != TOKEN_QUESTION])
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        port = (scope.get("server") or ("", 0))[1]
        # A path that begins with two slashes would lead to another host.
        place = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{rest}" if rest else "")
        cookie = f"janus-token-{port}={token.told}; Path=/; HttpOnly; SameSite=Lax{secure}"
        return [(b"location", place.encode()), (b"set-cookie", cookie.encode())]

    def _count(self, caller: Caller, scope: Scope) -> None:
        if scope["method"] == "POST" and _below_api(scope["path"]).startswith(COUNTED_PATHS):
            self.meter.count(caller, "events")


def _headers(scope: Scope) -> dict[str, str]:
    """Read the headers, those of one name in one line."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin1").lower(), raw_value.decode("latin1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _asked(scope: Scope, headers: Mapping[str, str]) -> Asked:
    try:
        cookies = {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        cookies = {}
    return Asked((scope.get("client") or ("", 0))[0], headers, cookies, scope.get("session") or {})


def _is_closed_to(caller: Caller, path: str) -> bool:
    """Tell whether a route is the owner's alone: files come from nobody else, nor scripts where the owner says no."""
    return (_below_api(path).startswith("/upload") and caller.role < Role.OWNER) or (
        path.startswith(API_PATHS) and not caller.may_use_api
    )


def _page_streamed(scope: Scope) -> str | None:
    """Name the page whose messages a request wants to read, if it does."""
    path = _below_api(scope["path"])
    if path.startswith("/heartbeat/"):
        return str(path.removeprefix("/heartbeat/"))
    if not path.startswith("/queue/data"):
        return None
    return dict(parse_qsl(scope["query_string"].decode("latin1"))).get("session_hash")


def _below_api(path: str) -> str:
    return path.removeprefix("/gradio_api")


def _most_bytes(scope: Scope) -> int:
    """Return how much a body may hold; `/gradio_api/upload_progress` and the like hold none."""
    return MAX_UPLOAD_BYTES if scope["path"] == UPLOAD_PATH else MAX_BODY_BYTES


def _capped(receive: Receive, most_bytes: int) -> Receive:
    """Cut off bodies that come in chunks without having declared their length."""
    received_bytes = 0

    async def receive_up_to_cap() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        return {"type": "http.disconnect"} if received_bytes > most_bytes else message

    return receive_up_to_cap


def _with_safe_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *SAFE_HEADERS]
        await send(message)

    return send_with_headers


async def _answer(
    send: Send, status: int, sentence: str = "", headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Answer in Gradio's place; its page shows the `detail` of what it was refused."""
    body = json.dumps({"detail": sentence}).encode() if sentence else b""
    kind = [(b"content-type", b"application/json")] if body else []
    length = [(b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*length, *kind, *(headers or []), *SAFE_HEADERS]}
    )
    await send({"type": "http.response.body", "body": body})
