"""A real HTTP server on loopback that speaks OpenAI's Batch API, and ends each batch as its script says."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.endpoint import serving

Line = dict[str, Any]


@dataclass
class Ending:
    """How a batch ends: its status, the lines of both files (None: no such file), and what was wrong with it."""

    status: str
    output: list[Line] | None = None
    errors: list[Line] | None = None
    complaint: str = ""


End = Callable[[list[Line]], Ending]


@dataclass
class BatchEndpoint:
    """What came in. `script` holds one ending a batch, the last one stays; `faults` one reply a request, then none."""

    url: str
    script: list[End]
    polls_before_end: int = 1
    faults: list[Response | None] = field(default_factory=list)
    is_create_reply_lost: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    billed: list[str] = field(default_factory=list)

    async def reply(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/v1")
        if self.faults and (fault := self.faults.pop(0)) is not None:
            return fault
        match request.method, path.strip("/").split("/"):
            case "POST", ["files"]:
                form = await request.form()
                assert form["purpose"] == "batch"
                return JSONResponse({"id": self._keep(await form["file"].read()), "object": "file"})  # type: ignore[union-attr]
            case "GET", ["files", name, "content"]:
                return Response(self.files[name], media_type="application/octet-stream")
            case "POST", ["batches"]:
                return self._create(await request.json())
            case "GET", ["batches"]:
                return self._list(request.query_params.get("after"))
            case "GET", ["batches", name]:
                return JSONResponse(self._poll(name))
        return JSONResponse({"error": {"message": "no such path"}}, 404)

    def _keep(self, data: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return name

    def _create(self, body: dict[str, Any]) -> Response:
        assert body["endpoint"] == "/v1/chat/completions"
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {**body, "id": name, "object": "batch", "status": "validating"}
        if self.is_create_reply_lost:
            self.is_create_reply_lost = False
            return Response("<html>bad gateway</html>", 502, media_type="text/html")
        return JSONResponse(self.batches[name])

    def _list(self, after: str | None) -> Response:
        newest_first = list(reversed(self.batches.values()))
        start = 1 + [batch["id"] for batch in newest_first].index(after) if after else 0
        page = newest_first[start : start + 2]  # short pages, so that more than one is needed
        return JSONResponse({"object": "list", "data": page, "has_more": start + 2 < len(newest_first)})

    def _poll(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        self.polls[name] = self.polls.get(name, 0) + 1
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            if self.polls[name] > self.polls_before_end:
                self._end(batch)
        return batch

    def _end(self, batch: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].decode().splitlines()]
        ending = (self.script[0] if len(self.script) == 1 else self.script.pop(0))(lines)
        batch["status"] = ending.status
        for name, kept in (("output_file_id", ending.output), ("error_file_id", ending.errors)):
            if kept is not None:
                batch[name] = self._keep("".join(json.dumps(line) + "\n" for line in kept).encode())
        self.billed += [line["custom_id"] for line in ending.output or ()]
        if ending.complaint:
            batch["errors"] = {"object": "list", "data": [{"code": "invalid", "message": ending.complaint}]}


def answered(line: Line) -> Line:
    """Answer one request by repeating its question."""
    message = {"role": "assistant", "content": line["body"]["messages"][-1]["content"] + " Yes."}
    body = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
    return {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}


def failed(line: Line, status: int, message: str) -> Line:
    """Fail one request as the API does inside a batch."""
    body = {"error": {"message": message}}
    return {"custom_id": line["custom_id"], "response": {"status_code": status, "body": body}, "error": None}


def expired(line: Line) -> Line:
    """Leave one request out because the day was over."""
    error = {"code": "batch_expired", "message": "This request could not be executed before the completion window."}
    return {"custom_id": line["custom_id"], "response": None, "error": error}


def completes(lines: list[Line]) -> Ending:
    """Answer everything."""
    return Ending("completed", [answered(line) for line in lines])


@contextmanager
def batch_endpoint(*script: End, **options: Any) -> Iterator[BatchEndpoint]:
    """Run one in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        server = BatchEndpoint(url, list(script) or [completes], **options)
        with serving(Starlette(routes=[Route("/{path:path}", server.reply, methods=["GET", "POST"])]), listener):
            yield server
