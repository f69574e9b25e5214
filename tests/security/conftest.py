"""The real app as it is reached in each of its ways: on loopback, by a token, with visitors, as a hosted Space."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator

import itsdangerous
import pytest

from tests.hub import TOKEN, LocalHub
from tests.running_app import RunningApp, running_app
from tests.security.attacker import Attacker
from tests.security.provider import Provider, provider
from tests.security.watched import HOUSE_KEY, Watched, sentinels, watched_app

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
def watched_hub() -> Iterator[LocalHub]:
    """Where the watched house publishes to."""
    with LocalHub() as hub:
        yield hub


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory, watched_hub: LocalHub) -> Iterator[Watched]:
    """A server with secrets in its environment; at the end, none of them is left anywhere."""
    folder = tmp_path_factory.mktemp("watched")
    theirs = watched_hub.environment(folder / "hf", token=TOKEN)
    environment = {name: value for name, value in theirs.items() if name.startswith("HF_")}
    environment |= {"HF_HUB_OFFLINE": "0", "OPENAI_API_KEY": HOUSE_KEY}
    environment["OPENAI_BASE_URL"] = "https://elsewhere.example/v1"
    with watched_app(folder, "--visitors", **environment) as app:
        yield app
    assert sentinels(app) == []


@pytest.fixture(scope="package")
def token_house(watched: Watched) -> tuple[RunningApp, str]:
    """A server for one owner, who holds the launch token, and visitors."""
    return watched.app, watched.token


def session_cookie(
    name: str,
    number: str = "5",
    secret: str = OAUTH_SECRET,
    seconds: float = 3600,
    access_token: str = "hf_SENTINEL_oauth_access_token",
) -> str:
    """Sign a session as Gradio does; with the Space's secret it is what a real sign-in leaves behind."""
    info = {
        "access_token": access_token,
        "expires_at": int(time.time() + seconds),
        "userinfo": {"sub": number, "name": name, "preferred_username": name, "profile": "", "picture": ""},
    }
    key = hashlib.sha256(f"{secret}-v4".encode()).hexdigest()
    body = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    return f"session={itsdangerous.TimestampSigner(key).sign(body).decode()}"


def visitor_of(space: RunningApp, address: str = "198.41.0.4") -> Attacker:
    """Come to a Space as people do, through its proxy."""
    return Attacker(space.url, {"X-Forwarded-For": address}, SPACE_HOST)
