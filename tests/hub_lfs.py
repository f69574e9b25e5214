"""The large files of the tests' own Hub, by the Git LFS protocol: a batch says what is lacking, each is put.

Files of more than `PART_BYTES` are put in parts, as the Hub does from 5 GB on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PART_BYTES = 300_000


class LargeFiles:
    """Blobs by their sha256, and the parts of those that are on their way."""

    def __init__(self, url: Callable[[], str], may_write: Callable[[Request], bool]) -> None:
        self.blobs: dict[str, bytes] = {}
        self._parts: dict[tuple[str, int], bytes] = {}
        self._url = url
        self._may_write = may_write

    def routes(self) -> list[Route]:
        batch = "/{owner}/{name}.git/info/lfs/objects/batch"
        return [
            *(Route(f"{prefix}{batch}", self._batch, methods=["POST"]) for prefix in ("/datasets", "/spaces", "")),
            Route("/lfs/{oid}/verify", self._verify, methods=["POST"]),
            Route("/lfs/{oid}/complete", self._complete, methods=["POST"]),
            Route("/lfs/{oid}/{part:int}", self._put_part, methods=["PUT"]),
            Route("/lfs/{oid}", self._put, methods=["PUT"]),
        ]

    async def _batch(self, request: Request) -> Response:
        if not self._may_write(request):
            return JSONResponse({"error": "You may not write here."}, 403)
        wanted = (await request.json())["objects"]
        return JSONResponse({"transfer": "basic", "objects": [self._answer(**one) for one in wanted]})

    def _answer(self, oid: str, size: int) -> dict[str, object]:
        told: dict[str, object] = {"oid": oid, "size": size}
        if oid in self.blobs:
            return told
        upload: dict[str, object] = {"href": f"{self._url()}/lfs/{oid}", "header": {}}
        if size > PART_BYTES:
            parts = range(1, -(-size // PART_BYTES) + 1)
            urls = {f"{part:05}": f"{self._url()}/lfs/{oid}/{part}" for part in parts}
            upload = {"href": f"{self._url()}/lfs/{oid}/complete", "header": {"chunk_size": str(PART_BYTES), **urls}}
        verify = {"href": f"{self._url()}/lfs/{oid}/verify", "header": {}}
        return told | {"actions": {"upload": upload, "verify": verify}}

    async def _put(self, request: Request) -> Response:
        return self._keep(request.path_params["oid"], await request.body())

    async def _put_part(self, request: Request) -> Response:
        content = await request.body()
        self._parts[request.path_params["oid"], request.path_params["part"]] = content
        return Response(headers={"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    async def _complete(self, request: Request) -> Response:
        oid, numbers = request.path_params["oid"], [part["partNumber"] for part in (await request.json())["parts"]]
        return self._keep(oid, b"".join(self._parts.pop((oid, number)) for number in numbers))

    def _keep(self, oid: str, content: bytes) -> Response:
        if hashlib.sha256(content).hexdigest() != oid:
            return JSONResponse({"error": "These are not the bytes of that name."}, 422)
        self.blobs[oid] = content
        return Response()

    async def _verify(self, request: Request) -> Response:
        told = json.loads(await request.body())
        is_whole = len(self.blobs.get(told["oid"], b"")) == told["size"]
        return Response(status_code=200 if is_whole else 404)
