"""Collections of the tests' own Hub: a title, and items that are in them once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Collections:
    """Collections by their slug."""

    def __init__(self, may_write: Callable[[Request], bool], is_there: Callable[[str, str], bool]) -> None:
        self.by_slug: dict[str, dict[str, Any]] = {}
        self._may_write = may_write
        self._is_there = is_there

    def routes(self) -> list[Route]:
        return [
            Route("/api/collections", self._create, methods=["POST"]),
            Route("/api/collections", self._list),
            Route("/api/collections/{owner}/{name}/items", self._add, methods=["POST"]),
            Route("/api/collections/{owner}/{name}", self._get),
        ]

    async def _create(self, request: Request) -> Response:
        if not self._may_write(request):
            return JSONResponse({"error": "You may not write here."}, 403)
        wish = await request.json()
        # Two collections may share a title: the Hub tells them apart by what it puts behind it.
        tail = hashlib.md5(str(len(self.by_slug)).encode()).hexdigest()[:24]
        slug = f"{wish['namespace']}/{wish['title'].lower().replace(' ', '-')}-{tail}"
        self.by_slug[slug] = {
            "slug": slug,
            "title": wish["title"],
            "description": wish.get("description"),
            "owner": {"name": wish["namespace"], "type": "user"},
            "items": [],
            "lastUpdated": "2026-01-01T00:00:00.000Z",
            "position": 0,
            "private": wish.get("private", False),
            "theme": "blue",
            "upvotes": 0,
        }
        return JSONResponse(self.by_slug[slug])

    async def _list(self, request: Request) -> Response:
        owner = request.query_params.get("owner")
        mine = [one for one in self.by_slug.values() if one["owner"]["name"] == owner]
        return JSONResponse([{name: one[name] for name in one if name != "position"} for one in mine])

    async def _get(self, request: Request) -> Response:
        found = self.by_slug.get("{owner}/{name}".format(**request.path_params))
        return JSONResponse({"error": "not found"}, 404) if found is None else JSONResponse(found)

    async def _add(self, request: Request) -> Response:
        if not self._may_write(request):
            return JSONResponse({"error": "You may not write here."}, 403)
        found = self.by_slug.get("{owner}/{name}".format(**request.path_params))
        wish = await request.json()
        item = wish["item"]
        if found is None or not self._is_there(item["type"], item["id"]):
            return JSONResponse({"error": "not found"}, 404)
        if any((one["type"], one["id"]) == (item["type"], item["id"]) for one in found["items"]):
            return JSONResponse({"error": "It is in it already."}, 409)
        number = len(found["items"])
        note = {"text": wish["note"], "html": wish["note"]} if wish.get("note") else None
        found["items"].append({"_id": f"{number:024}", "position": number, "note": note, **item})
        return JSONResponse(found)
