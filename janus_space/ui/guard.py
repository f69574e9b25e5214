"""Stand in front of Gradio: refuse foreign hosts, foreign pages, oversized bodies and routes this app does not use.

Gradio answers any Host and reflects any Origin, so without this a web page open in the owner's browser could
reach an app on loopback (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
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
        "/login",
    )
)
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


class Guard:
    """Pure ASGI middleware, so that streams pass through it unbuffered."""

    def __init__(self, app: ASGIApp, space_host: str | None = None, *, takes_files: bool = False) -> None:
        self.app = app
        self.space_host = space_host
        self.takes_files = takes_files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        if (status := self._refusal(scope)) is not None:
            return await _answer(status, send)
        return await self.app(scope, _capped(receive, _most_bytes(scope)), _with_safe_headers(send))

    def _refusal(self, scope: Scope) -> int | None:
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._is_own(host):
            return 421
        if not self._is_own_page(headers.get("origin"), host):
            return 403
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and headers.get("sec-fetch-site", "none") not in (
            "same-origin",
            "none",
        ):
            return 403
        if scope["path"].startswith(REFUSED_PATHS) or (_is_upload(scope) and not self.takes_files):
            return 404
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > _most_bytes(scope):
            return 413
        return None

    def _is_own(self, netloc: str) -> bool:
        hostname = _hostname(netloc)
        return hostname is not None and (hostname in LOOPBACK_HOSTS or hostname == self.space_host)

    def _is_own_page(self, origin: str | None, host: str) -> bool:
        if origin is None:
            return True
        netloc = urlsplit(origin).netloc  # empty for the origin "null" of sandboxed pages
        # Behind the proxy of a Space the port may differ; on loopback another port is another program.
        return netloc == host or (self.space_host is not None and _hostname(netloc) == self.space_host)


def _hostname(netloc: str) -> str | None:
    try:
        return urlsplit(f"//{netloc}").hostname
    except ValueError:
        return None


def _is_upload(scope: Scope) -> bool:
    return bool(scope["path"].startswith(("/upload", UPLOAD_PATH)))


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


async def _answer(status: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *SAFE_HEADERS]})
    await send({"type": "http.response.body", "body": b""})
