"""The verbs as tools of an MCP server: the requests, rows and sentences of the named endpoints, for the same callers.

Gradio has an MCP server of its own. It asks the app over HTTP by one client for everybody, so that all callers would be
one visitor with one page, and its extra wants an older pydantic than this app. Here a request keeps its caller.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import gradio as gr
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult, TextContent, Tool
from starlette.requests import Request
from starlette.routing import Route

from janus_space import access
from janus_space.models import Models
from janus_space.ui.events import guarded
from janus_space.ui.guard import MCP_PATHS, visit_of
from janus_space.verbs import VERBS

log = logging.getLogger(__name__)


class McpTools:
    """Every verb as a tool. It remembers nothing between two requests."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._server: Server[object, Request] = Server("Janus Space")
        self._server.list_tools()(self._list)
        self._server.call_tool(validate_input=False)(self._call)  # a verb reads its request, and says what is wrong
        self._http = StreamableHTTPSessionManager(self._server, json_response=True, stateless=True)

    def app_settings(self) -> dict[str, Any]:
        """Return what the app around the page needs to answer MCP clients: routes, and the task that serves them."""
        return {
            "routes": [Route(path, self._http.asgi_app, methods=["POST"]) for path in MCP_PATHS],
            "lifespan": self._serving,
        }

    @asynccontextmanager
    async def _serving(self, app: object) -> AsyncIterator[None]:
        async with self._http.run():
            yield

    @property
    def _request(self) -> Request:
        request = self._server.request_context.request
        assert request is not None, "what came over HTTP has its request"
        return request

    async def _list(self) -> list[Tool]:
        """Offer the verbs that this caller may use."""
        role = visit_of(self._request.scope).caller.role
        return [
            Tool(name=verb.name, description=verb.summary, inputSchema=verb.request.model_json_schema())
            for verb in VERBS.values()
            if access.may(role, verb.name)
        ]

    async def _call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        if name not in VERBS:
            return _told(f"There is no tool {name[:100]!r}; there are {', '.join(VERBS)}.")
        verb = VERBS[name]

        async def run() -> list[Mapping[str, Any]]:
            return list(await verb.run(verb.read(**arguments), self._models, None))

        try:
            rows = await guarded(run, name, is_verb=True)(gr.Request(self._request))
        except gr.Error as error:
            return _told(unescape(error.message))  # which was escaped for the page
        except Exception:  # the server would tell the caller what a bug says
            error_id = secrets.token_hex(4)
            log.exception("error %s: the tool %s failed unexpectedly", error_id, name)
            return _told(f"Something went wrong inside Janus Space; its log says what, under error {error_id}.")
        text = json.dumps(rows, ensure_ascii=False, default=str)
        content = [TextContent(type="text", text=text)]
        return CallToolResult(content=content, structuredContent={"rows": json.loads(text)})


def _told(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], isError=True)
