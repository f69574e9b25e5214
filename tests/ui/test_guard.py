"""The guard in front of the running app: which host, page, route and size gets through."""

from __future__ import annotations

import asyncio
import http.client
from urllib.parse import urlsplit

import pytest
from starlette.types import Message

from janus_space.door import Door, Space
from janus_space.ui.guard import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, UPLOAD_PATH, Guard
from tests.running_app import RunningApp

JOIN = "/gradio_api/queue/join"
SPACE = Door(Space("me/space", frozenset({"me-space.hf.space"})))


def ask(
    app: RunningApp, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> http.client.HTTPResponse:
    port = urlsplit(app.url).port
    assert port is not None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in ({"Host": f"127.0.0.1:{port}"} | headers).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    return connection.getresponse()


@pytest.mark.parametrize("host", ["own", "localhost"])
@pytest.mark.parametrize("origin", [None, "own"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/config"), ("POST", JOIN)])
def test_the_own_page_gets_through(app: RunningApp, host: str, origin: str | None, method: str, path: str) -> None:
    port = urlsplit(app.url).port
    own = {"own": f"127.0.0.1:{port}", "localhost": f"localhost:{port}"}[host]
    headers = {"Host": own} | ({"Origin": f"http://{own}"} if origin else {})
    body = b"{}" if method == "POST" else None
    status = ask(app, method, path, headers | {"Content-Type": "application/json"}, body).status
    assert status == (422 if method == "POST" else 200)  # 422: Gradio itself has read the empty request


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7860", "", "[::"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/config"), ("POST", JOIN)])
def test_a_foreign_host_is_refused(app: RunningApp, host: str, method: str, path: str) -> None:
    assert ask(app, method, path, {"Host": host}, b"{}" if method == "POST" else None).status == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:3000", "x"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/config"), ("POST", JOIN), ("OPTIONS", JOIN)])
def test_a_foreign_page_is_refused(app: RunningApp, origin: str, method: str, path: str) -> None:
    assert ask(app, method, path, {"Origin": origin}, b"{}" if method == "POST" else None).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_site_is_refused_even_without_an_origin(app: RunningApp, site: str) -> None:
    assert ask(app, "POST", JOIN, {"Sec-Fetch-Site": site}, b"{}").status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/upload",
        "/gradio_api/file=https://example.com/",
        "/gradio_api/proxy=https://example.com/",
        "/gradio_api/mcp/",
        "/gradio_api/deep_link",
        "/gradio_api/runs",
        "/gradio_api/run-history/records",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/token",
        "/monitoring/summary",
        "/login",
        "/docs",
        "/openapi.json",
    ],
)
def test_routes_that_this_app_does_not_use_are_not_there(app: RunningApp, path: str) -> None:
    assert ask(app, "GET", path, {}).status == 404
    assert ask(app, "POST", path, {}, b"").status in (404, 405)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/proc/self/environ", "pyproject.toml", "../../etc/passwd", "%2e%2e/x"]
)
def test_no_file_of_this_machine_is_served(app: RunningApp, path: str) -> None:
    assert ask(app, "GET", f"/gradio_api/file={path}", {}).status in (403, 404)


def test_a_body_that_is_too_large_is_refused_by_its_declared_length(app: RunningApp) -> None:
    assert ask(app, "POST", JOIN, {"Content-Length": str(MAX_BODY_BYTES + 1)}).status == 413
    assert ask(app, "POST", JOIN, {"Content-Length": "-1"}).status in (400, 413)


def test_files_are_taken_from_the_own_page_only_and_up_to_a_size(app: RunningApp) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask(app, "POST", UPLOAD_PATH, form, body).status == 200
    assert ask(app, "POST", UPLOAD_PATH, form | {"Origin": "https://evil.example"}, body).status == 403
    assert ask(app, "POST", UPLOAD_PATH, {"Content-Length": str(MAX_UPLOAD_BYTES + 1)}).status == 413


def test_where_everybody_is_a_stranger_no_file_is_taken() -> None:
    told: list[Message] = []

    async def app_that_must_not_be_reached(*_: object) -> None:
        raise AssertionError

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def tell(message: Message) -> None:
        told.append(message)

    for path in (UPLOAD_PATH, "/upload", f"{UPLOAD_PATH}_progress"):
        scope = {"type": "http", "method": "POST", "path": path, "headers": [(b"host", b"localhost")]}
        asyncio.run(Guard(app_that_must_not_be_reached, SPACE)(scope, nothing, tell))
    assert [message["status"] for message in told if "status" in message] == [404] * 3


def test_a_body_in_chunks_is_cut_off_at_the_cap() -> None:
    received: list[Message] = []

    async def app_that_reads(scope: object, receive: object, send: object) -> None:
        while (message := await receive())["type"] == "http.request":  # type: ignore[operator]
            received.append(message)

    async def chunks() -> Message:
        return {"type": "http.request", "body": b"x" * 300_000, "more_body": True}

    async def nowhere(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "client": ("127.0.0.1", 5), "query_string": b""}
    scope["headers"] = [(b"host", b"localhost")]
    asyncio.run(Guard(app_that_reads, Door())(scope, chunks, nowhere))
    assert sum(len(message["body"]) for message in received) <= MAX_BODY_BYTES


def test_every_answer_carries_the_safe_headers(app: RunningApp) -> None:
    for reply in (ask(app, "GET", "/", {}), ask(app, "GET", "/", {"Host": "evil.example"})):
        assert reply.getheader("x-content-type-options") == "nosniff"
        assert reply.getheader("referrer-policy") == "same-origin"
        assert "frame-ancestors 'self' https://huggingface.co" in (reply.getheader("content-security-policy") or "")


def test_websockets_are_closed() -> None:
    sent: list[Message] = []

    async def unreachable(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the guard let a websocket through")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(unreachable, Door())({"type": "websocket", "headers": []}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(("origin", "status"), [("https://me-space.hf.space", 200), ("https://evil.example", 403)])
def test_a_hosted_space_is_reached_by_its_own_name(origin: str, status: int) -> None:
    sent: list[Message] = []

    async def fine(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"me-space.hf.space"), (b"origin", origin.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asyncio.run(Guard(fine, SPACE)(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == status


def answered(door: Door, method: str, path: str) -> int:
    """Ask a house whose app takes everything; give the status that came of it."""
    sent: list[Message] = []

    async def fine(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"me-space.hf.space")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    asyncio.run(Guard(fine, door)(scope, None, send))  # type: ignore[arg-type]
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("may_call", "has_tools", "status"), [(True, True, 200), (False, True, 404), (True, False, 404)]
)
def test_tools_are_there_where_the_owner_wants_them_for_whom_the_named_endpoints_answer(
    may_call: bool, has_tools: bool, status: int
) -> None:
    door = Door(Space("me/space", frozenset({"me-space.hf.space"})), answers_api=may_call, has_tools=has_tools)
    assert answered(door, "POST", "/gradio_api/mcp") == status
    assert answered(door, "POST", "/gradio_api/mcp/sse") == 404
