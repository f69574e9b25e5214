"""The tools, asked by the real MCP client over HTTP: what is listed, what answers, and for whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from janus_space.access import EVENTS, Role
from janus_space.verbs import VERBS, CompareRequest
from tests.running_app import running_app

T = TypeVar("T")
Server = tuple[str, dict[str, str]]
ASKED = {"model": ["echo:"], "system": ["Be brief.", None], "prompt": "Why?", "max_new_tokens": 12}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def asked(url: str, ask: Callable[[ClientSession], Awaitable[T]], headers: Mapping[str, str] = {}) -> T:
    """Connect as an MCP client does, and ask."""

    async def connected() -> T:
        async with (
            httpx.AsyncClient(headers=dict(headers)) as http,
            streamable_http_client(f"{url}/gradio_api/mcp/", http_client=http) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await ask(session)

    return asyncio.run(connected())


def names(url: str, headers: Mapping[str, str] = {}) -> list[str]:
    return [tool.name for tool in asked(url, lambda session: session.list_tools(), headers).tools]


def called(url: str, headers: Mapping[str, str], name: str, arguments: dict[str, Any]) -> CallToolResult:
    return asked(url, lambda session: session.call_tool(name, arguments), headers)


def status(url: str, headers: Mapping[str, str] = {}, method: str = "POST", path: str = "/gradio_api/mcp") -> int:
    accepted = {"Accept": "application/json, text/event-stream", **headers}
    return httpx.request(method, f"{url}{path}", json=LIST, headers=accepted).status_code


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with tools, whose visitors may use the API: its address, and what its owner sends along."""
    home = tmp_path_factory.mktemp("server")
    with running_app(home, "--launch-token", "--visitors", "--api", "--mcp") as app:
        url, _, token = app.url.partition("/?token=")
        yield url, {"Authorization": f"Bearer {token}"}


def test_the_tools_are_the_verbs_with_the_fields_of_their_requests(server: Server) -> None:
    url, owner = server
    tools = {tool.name: tool for tool in asked(url, lambda session: session.list_tools(), owner).tools}
    assert tools.keys() == VERBS.keys()
    assert all(tools[name].description == verb.summary for name, verb in VERBS.items())
    fields = tools["compare"].inputSchema["properties"]
    assert fields.keys() == CompareRequest.model_fields.keys()
    assert all(fields[name]["description"] for name in ("model", "system", "prompt"))


def test_compare_gives_the_rows_of_the_command_line(server: Server) -> None:
    answer = called(*server, "compare", ASKED)
    assert answer.structuredContent is not None
    rows = answer.structuredContent["rows"]
    assert [row["system"] for row in rows] == ["Be brief.", None]
    assert rows[0]["text"].startswith("I was told: Be brief.")
    assert json.loads(answer.content[0].text) == rows  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("compare", {**ASKED, "temperature": 9}, "temperature"),
        ("compare", {**ASKED, "model": ["<b>"]}, "No model goes by '<b>'"),
        ("compare", {"prompt": "Why?"}, "model"),
        ("open_house", {}, "There is no tool 'open_house'"),
    ],
)
def test_a_wrong_request_gets_one_sentence(server: Server, name: str, wrong: dict[str, Any], sentence: str) -> None:
    answer = called(*server, name, wrong)
    assert answer.isError
    assert sentence in answer.content[0].text  # type: ignore[union-attr]


def test_only_post_to_the_one_place_is_answered_and_no_foreign_page(server: Server) -> None:
    url, _ = server
    assert status(url) == 200
    assert status(url, method="GET") == 405
    for path in ("/gradio_api/mcp/sse", "/gradio_api/mcp/schema", "/gradio_api/mcp/http", "/mcp"):
        assert status(url, path=path) == 404, path
    assert status(url, {"Origin": "https://evil.example"}) == 403
    assert status(url, {"Host": "evil.example"}) == 421


def test_a_visitor_gets_the_visitors_tools_and_reaches_no_other(server: Server, tmp_path: Path) -> None:
    url, owner = server
    visitors = [name for name in VERBS if EVENTS[name] is Role.ANON]
    for shown in ({}, {"Authorization": owner["Authorization"][:-1]}):
        assert names(url, shown) == visitors == ["compare"]

    async def ask(session: ClientSession) -> dict[str, CallToolResult]:
        arguments = {"config": str(tmp_path / "x.yaml"), "job": "x"}
        return {name: await session.call_tool(name, arguments) for name in VERBS.keys() - set(visitors)}

    answers = asked(url, ask)
    assert len(answers) > 8
    for name, answer in answers.items():
        assert answer.isError, name
        assert answer.content[0].text == "You are not allowed to do this here.", name  # type: ignore[union-attr]


def test_the_owner_reaches_the_jobs(server: Server) -> None:
    assert called(*server, "jobs", {}).structuredContent == {"rows": []}


def test_a_visitors_share_holds_for_tools_too(server: Server) -> None:
    url, _ = server
    far = {"X-Forwarded-For": "198.41.0.77"}  # so no longer the visitor of this machine

    async def ask(session: ClientSession) -> list[CallToolResult]:
        return [await session.call_tool("compare", {**ASKED, "max_new_tokens": 1}) for _ in range(12)]

    refused = [one.content[0].text for one in asked(url, ask, far) if one.isError]  # type: ignore[union-attr]
    assert 1 <= len(refused) <= 3
    assert "answers in a minute" in refused[0]
