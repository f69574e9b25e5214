"""A Hub of the tests' own: serves model and dataset repositories to the real huggingface_hub client, over real HTTP.

    with LocalHub() as hub:
        commit = hub.add("kaist-ai/janus-7b", folder)
        subprocess.run([...], env=hub.environment(tmp_path))

Repositories are kept in memory as commits of files, as git keeps them; a dataset's name begins with `datasets/`, a
Space's with `spaces/`. Weights and tables go by LFS (`hub_lfs.py`), other files inside the commit. `hub.cable` can be
cut at any request (`hub_cut.py`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.hub_collections import Collections
from tests.hub_cut import Cable
from tests.hub_lfs import LargeFiles

TOKEN = "hf_token_of_the_local_hub"

Trouble = Literal["refused", "answer lost"]


@dataclass
class Repository:
    """Commits of files by path, and the branches and tags that point to them."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    is_gated: bool = False
    is_private: bool = False
    sdk: str | None = None

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        content = hashlib.sha1(repr(sorted(files.items())).encode() + repr(self.refs.get(ref)).encode())
        self.commits[content.hexdigest()] = files
        self.refs[ref] = content.hexdigest()
        return content.hexdigest()


class HubError(Exception):
    """What the Hub answers instead: a status and the header by which its client tells the reasons apart."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class LocalHub:
    """The server. `requests` lists what it was asked, as "GET /path"; `trouble` is what commits run into, in turn."""

    def __init__(self, more_routes: Sequence[Route] = ()) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.trouble: list[Trouble] = []
        self.role = "write"
        self.large = LargeFiles(lambda: self.url, self._may_write)
        self.collections = Collections(self._may_write, lambda kind, name: full_name(kind, name) in self.repositories)
        resolve = "/{owner}/{name}/resolve/{revision}/{path:path}"
        routes = [
            *more_routes,
            Route("/api/whoami-v2", self._whoami),
            Route("/api/repos/create", self._create, methods=["POST"]),
            Route("/api/validate-yaml", self._validate, methods=["POST"]),
            *self.collections.routes(),
            *self.large.routes(),
            *(route for kind in ("models", "datasets", "spaces") for route in self._routes(kind)),
            Route(f"/datasets{resolve}", self._resolve, methods=["GET", "HEAD"]),
            Route(f"/spaces{resolve}", self._resolve, methods=["GET", "HEAD"]),
            Route(resolve, self._resolve, methods=["GET", "HEAD"]),
        ]
        app = Starlette(routes=routes, exception_handlers={HubError: _error})
        self.cable = Cable(app)
        self._server = uvicorn.Server(uvicorn.Config(self.cable, host="127.0.0.1", port=0, log_level="critical"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def _routes(self, kind: str) -> list[Route]:
        root = f"/api/{kind}/{{repo:path}}"
        return [
            Route(f"{root}/tree/{{revision:path}}", self._tree),
            Route(f"{root}/revision/{{revision:path}}", self._info),
            Route(f"{root}/paths-info/{{revision:path}}", self._paths_info, methods=["POST"]),
            Route(f"{root}/preupload/{{revision:path}}", self._preupload, methods=["POST"]),
            Route(f"{root}/commit/{{revision:path}}", self._commit, methods=["POST"]),
            Route(root, self._info),
        ]

    def __enter__(self) -> LocalHub:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the local hub did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def add(
        self, repo_id: str, folder: Path, ref: str = "main", is_gated: bool = False, is_private: bool = False
    ) -> str:
        """Commit the files of a folder to a branch of a repository, and return the commit's hash."""
        repository = self.repositories.setdefault(repo_id, Repository())
        repository.is_gated, repository.is_private = is_gated, is_private
        found = (file for file in folder.rglob("*") if file.is_file())
        files = {str(file.relative_to(folder)): file.read_bytes() for file in found}
        large = (content for path, content in files.items() if _is_large(path))
        self.large.blobs.update({hashlib.sha256(content).hexdigest(): content for content in large})
        return repository.commit(files, ref)

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """Return the environment of a process whose Hub this is, with an empty cache under `home`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        own = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
        }
        return kept | own | ({"HF_TOKEN": token} if token else {})

    async def _whoami(self, request: Request) -> Response:
        self._note(request)
        if not _is_known(request):
            return JSONResponse({"error": "Invalid username or password."}, 401)
        token = {"accessToken": {"role": self.role}}
        return JSONResponse({"type": "user", "name": "tester", "orgs": [], "auth": token})

    async def _create(self, request: Request) -> Response:
        self._note(request)
        if not self._may_write(request):
            return JSONResponse({"error": "You may not write here."}, 403)
        wish = await request.json()
        repo_id = full_name(wish.get("type", "model"), f"{wish.get('organization') or 'tester'}/{wish['name']}")
        is_new = repo_id not in self.repositories
        repository = self.repositories.setdefault(repo_id, Repository())
        if is_new:
            repository.is_private = wish.get("visibility") == "private"
            repository.sdk = wish.get("sdk")
            repository.commit({".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        return JSONResponse({"url": f"{self.url}/{repo_id}"}, 200 if is_new else 409)

    async def _validate(self, request: Request) -> Response:
        return JSONResponse({"errors": [], "warnings": []})

    async def _preupload(self, request: Request) -> Response:
        repository, commit = self._find(request)
        there = repository.commits[commit]
        offered = [one["path"] for one in (await request.json())["files"]]
        return JSONResponse({"files": [_upload_mode(path, there.get(path)) for path in offered]})

    async def _commit(self, request: Request) -> Response:
        repository, commit = self._find(request)
        if not self._may_write(request):
            return JSONResponse({"error": "You may not write here."}, 403)
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble == "refused":
            return JSONResponse({"error": "Try again later."}, 500)
        files = dict(repository.commits[commit])
        for line in (await request.body()).splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header" and value.get("parentCommit") not in (None, commit):
                return JSONResponse({"error": "A commit has happened since. Please refresh and try again."}, 412)
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "deletedFile":
                files.pop(value["path"], None)
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.large.blobs[value["oid"]]
        made = repository.commit(files, request.path_params["revision"])
        if trouble == "answer lost":
            return JSONResponse({"error": "It was done, and you shall not know."}, 500)
        return JSONResponse({"commitOid": made, "commitUrl": f"{self.url}/{_asked_for(request)}/commit/{made}"})

    async def _info(self, request: Request) -> Response:
        repository, commit = self._find(request)
        siblings = [{"rfilename": path} for path in repository.commits[commit]]
        flags = {"private": repository.is_private, "gated": "manual" if repository.is_gated else False}
        return JSONResponse(
            {"id": request.path_params["repo"], "sha": commit, "siblings": siblings, "tags": [], **flags}
        )

    async def _tree(self, request: Request) -> Response:
        known = self.repositories.get(_asked_for(request), Repository()).refs
        revision, _, folder = request.path_params["revision"].partition("/")
        if request.path_params["revision"] not in known:  # then a folder's name follows
            request.path_params["revision"] = revision
        else:
            folder = ""
        repository, commit = self._find(request)
        files = repository.commits[commit].items()
        found = [_entry(path, content) for path, content in files if path.startswith(folder)]
        if folder and not found:
            raise HubError(404, "EntryNotFound")
        return JSONResponse(found)

    async def _paths_info(self, request: Request) -> Response:
        repository, commit = self._find(request)
        wanted = (await request.form()).getlist("paths")
        files = repository.commits[commit]
        return JSONResponse([_entry(str(path), files[str(path)]) for path in wanted if path in files])

    async def _resolve(self, request: Request) -> Response:
        request.path_params["repo"] = "{owner}/{name}".format(**request.path_params)
        repository, commit = self._find(request)
        content = repository.commits[commit].get(request.path_params["path"])
        if repository.is_gated and not _is_known(request):
            raise HubError(403, "GatedRepo")
        if content is None:
            raise HubError(404, "EntryNotFound")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_git_hash(content)}"', "Content-Length": str(len(content))}
        if _is_large(request.path_params["path"]):
            sha256 = hashlib.sha256(content).hexdigest()
            headers |= {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
        return Response(b"" if request.method == "HEAD" else content, headers=headers)

    def _find(self, request: Request) -> tuple[Repository, str]:
        self._note(request)
        repository = self.repositories.get(_asked_for(request))
        if repository is None or (repository.is_private and not _is_known(request)):
            raise HubError(401 if not _is_known(request) else 404, "RepoNotFound")
        revision = request.path_params.get("revision", "main")
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            raise HubError(404, "RevisionNotFound")
        return repository, commit

    def _may_write(self, request: Request) -> bool:
        return _is_known(request) and self.role == "write"

    def _note(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.url.path}")


async def _error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    return JSONResponse({"error": error.code}, error.status, headers={"X-Error-Code": error.code})


def _asked_for(request: Request) -> str:
    kind = request.url.path.removeprefix("/api").split("/")[1]
    return full_name(kind.removesuffix("s"), str(request.path_params["repo"]))


def full_name(kind: str, repo_id: str) -> str:
    """Name a repository as `repositories` does."""
    return f"{kind}s/{repo_id}" if kind in ("dataset", "space") else repo_id


def _upload_mode(path: str, there: bytes | None) -> dict[str, object]:
    """Say how a file is to be sent, and what lies under its name: its sha256 if it is large, else as git names it."""
    name = hashlib.sha256(there).hexdigest() if there is not None and _is_large(path) else there and _git_hash(there)
    mode = "lfs" if _is_large(path) else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": name or None}


def _is_known(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {TOKEN}"


def _is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".bin", ".parquet"))


def _entry(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": _git_hash(content)}
    if _is_large(path):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return entry


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
