"""An OpenID provider on loopback, as the Hub is one: enough for a real sign-in by Gradio's own routes."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.endpoint import serving


@dataclass
class Provider:
    """Signs in whom it is told to, whoever comes."""

    url: str
    account: dict[str, Any] = field(default_factory=lambda: {"sub": "5", "preferred_username": "somebody"})
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    nonces: dict[str, str] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.configuration),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/keys", self.keys),
        ]

    async def configuration(self, request: Request) -> Response:
        places = {"authorization": "authorize", "token": "token"}
        endpoints = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in places.items()}
        algorithms = {"id_token_signing_alg_values_supported": ["RS256"]}
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **endpoints, **algorithms})

    async def authorize(self, request: Request) -> Response:
        code = secrets.token_hex(8)
        self.nonces[code] = request.query_params.get("nonce", "")
        answer = urlencode({"code": code, "state": request.query_params["state"]})
        sign = "&" if "?" in request.query_params["redirect_uri"] else "?"
        return RedirectResponse(f"{request.query_params['redirect_uri']}{sign}{answer}")

    async def token(self, request: Request) -> Response:
        code = str((await request.form())["code"])
        now = int(time.time())
        claims = {"iss": self.url, "aud": "client", "iat": now, "exp": now + 600, "nonce": self.nonces.pop(code)}
        account = {"name": "", "profile": "", "picture": "", **self.account}
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, {**claims, **account}, self.key)
        answer = {"access_token": "hf_SENTINEL_oauth", "token_type": "bearer", "expires_in": 600, "id_token": signed}
        return JSONResponse(answer)

    async def keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


@contextmanager
def provider() -> Iterator[Provider]:
    """Run one in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with serving(Starlette(routes=served.routes()), listener):
            yield served
