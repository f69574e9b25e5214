"""The real app as it is reached in each of its ways: on loopback, by a token, with visitors, as a hosted Space."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator

import itsdangerous
import pytest

from tests.running_app import RunningApp, running_app
from tests.security.attacker import Attacker
from tests.security.provider import Provider, provider

SPACE_HOST = "author-janus.hf.space"
OAUTH_SECRET = "the-secret-of-this-space"
SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "author/janus",
    "SPACE_HOST": SPACE_HOST,
    "SPACE_CREATOR_USER_ID": "77",
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": OAUTH_SECRET,
    "OAUTH_SCOPES": "openid profile",
}


@pytest.fixture(scope="package")
def hub() -> Iterator[Provider]:
    """Whom the Space asks who somebody is."""
    with provider() as served:
        yield served


@pytest.fixture(scope="package")
def space(tmp_path_factory: pytest.TempPathFactory, hub: Provider) -> Iterator[RunningApp]:
    """A hosted Space that can sign people in."""
    environment = SPACE | {"OPENID_PROVIDER_URL": hub.url}
    with running_app(tmp_path_factory.mktemp("space"), "--host", "127.0.0.1", environment=environment) as app:
        yield app


@pytest.fixture(scope="package")
def token_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningApp, str]]:
    """A server for one owner, who holds the launch token, and visitors."""
    home = tmp_path_factory.mktemp("token")
    with running_app(home, "--launch-token", "--visitors") as app:
        url, _, token = app.url.partition("/?token=")
        yield RunningApp(url, app.process), token


def session_cookie(name: str, number: str = "5", secret: str = OAUTH_SECRET, seconds: float = 3600) -> str:
    """Sign a session as Gradio does; with the Space's secret it is what a real sign-in leaves behind."""
    info = {
        "access_token": "hf_SENTINEL_oauth_access_token",
        "expires_at": int(time.time() + seconds),
        "userinfo": {"sub": number, "name": name, "preferred_username": name, "profile": "", "picture": ""},
    }
    key = hashlib.sha256(f"{secret}-v4".encode()).hexdigest()
    body = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    return f"session={itsdangerous.TimestampSigner(key).sign(body).decode()}"


def visitor_of(space: RunningApp, address: str = "198.41.0.4") -> Attacker:
    """Come to a Space as people do, through its proxy."""
    return Attacker(space.url, {"X-Forwarded-For": address}, SPACE_HOST)
