"""Host × Origin × route × role, against the running app: who gets through which door."""

from __future__ import annotations

from itertools import product

import pytest

from tests.running_app import RunningApp
from tests.security.attacker import JOIN, TRIED, Attacker
from tests.security.conftest import SPACE_HOST, session_cookie

pytestmark = pytest.mark.xdist_group("security")  # one worker, so that the apps are started once

FOREIGN_HOSTS = [
    "evil.example",
    f"{SPACE_HOST}.evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "",
    "[::",
    "a@b",
]
FOREIGN_ORIGINS = [
    "https://evil.example",
    "null",
    "http://127.0.0.1:1",
    "file://",
    f"https://{SPACE_HOST}.evil.example",
]
ROUTES = [
    ("GET", "/"),
    ("GET", "/config"),
    ("POST", JOIN),
    ("GET", "/gradio_api/queue/data?session_hash=x"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/call/compare"),
    ("GET", "/gradio_api/heartbeat/x"),
]
CLOSED_ROUTES = [
    "/gradio_api/mcp/",
    "/gradio_api/proxy=https://example.com/",
    "/gradio_api/file=https://example.com/",
    "/gradio_api/component_server",
    "/gradio_api/deep_link?session_hash=x",
    "/gradio_api/runs",
    "/gradio_api/run-history/records",
    "/gradio_api/vibe-code",
    "/gradio_api/dev/reload",
    "/gradio_api/token",
    "/gradio_api/stream/x/y/z/playlist.m3u8",
    "/monitoring/summary",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/custom_component/x/y/z/w",
]
VISITORS_CLOSED_ROUTES = [
    "/gradio_api/info",
    "/gradio_api/call/compare",
    "/gradio_api/run/compare",
    "/gradio_api/upload",
]


def callers(space: RunningApp, token_house: tuple[RunningApp, str]) -> dict[str, Attacker]:
    """One of each kind, each at the door where that kind exists."""
    house, token = token_house
    return {
        "visitor of a Space": Attacker(space.url, {"X-Forwarded-For": "203.0.113.5"}, SPACE_HOST),
        "account on a Space": Attacker(space.url, {"Cookie": session_cookie("somebody")}, SPACE_HOST),
        "owner of a Space": Attacker(space.url, {"Cookie": session_cookie("author")}, SPACE_HOST),
        "visitor of a server": Attacker(house.url, {"X-Forwarded-For": "203.0.113.5"}),
        "owner of a server": Attacker(house.url, {"Cookie": f"janus-token-1={token}"}),
    }


@pytest.fixture(scope="module")
def everybody(space: RunningApp, token_house: tuple[RunningApp, str]) -> dict[str, Attacker]:
    return callers(space, token_house)


def body_for(method: str) -> bytes | None:
    return b"{}" if method == "POST" else None


def test_nobody_comes_in_by_a_foreign_host(everybody: dict[str, Attacker]) -> None:
    for (who, attacker), host, (method, path) in product(everybody.items(), FOREIGN_HOSTS, ROUTES):
        TRIED["host"] += 1
        assert attacker.ask(method, path, {"Host": host}, body_for(method)).status == 421, (who, host, path)


def test_no_foreign_page_acts_for_anybody(everybody: dict[str, Attacker]) -> None:
    for (who, attacker), origin, (method, path) in product(everybody.items(), FOREIGN_ORIGINS, ROUTES):
        TRIED["origin"] += 1
        reply = attacker.ask(method, path, {"Origin": origin}, body_for(method))
        assert reply.status == 403, (who, origin, path)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_form_of_another_site_is_taken(everybody: dict[str, Attacker], site: str) -> None:
    for who, attacker in everybody.items():
        for method, path in [route for route in ROUTES if route[0] == "POST"]:
            TRIED["origin"] += 1
            assert attacker.ask(method, path, {"Sec-Fetch-Site": site}, b"{}").status == 403, (who, path)


def test_routes_without_a_use_are_not_there_for_anybody(everybody: dict[str, Attacker]) -> None:
    for (who, attacker), path, method in product(everybody.items(), CLOSED_ROUTES, ("GET", "POST")):
        TRIED["route"] += 1
        assert attacker.ask(method, path, body=body_for(method)).status in (404, 405), (who, method, path)


def test_what_is_the_owners_is_not_there_for_visitors(everybody: dict[str, Attacker]) -> None:
    for who, attacker in everybody.items():
        for path in VISITORS_CLOSED_ROUTES:
            TRIED["route"] += 1
            is_missing = attacker.ask("POST" if "info" not in path else "GET", path, body=b"{}").status == 404
            assert is_missing == ("owner" not in who), (who, path)


def test_the_page_itself_opens_for_all_of_them(everybody: dict[str, Attacker]) -> None:
    for who, attacker in everybody.items():
        assert attacker.ask("GET", "/").status == 200, who
        assert attacker.ask("GET", "/config").status == 200, who


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "../../etc/passwd", "%00", "%E2%80%AE", "a" * 5000])
@pytest.mark.parametrize("place", ["query", "cookie", "bearer"])
def test_a_wrong_launch_token_opens_nothing(token_house: tuple[RunningApp, str], token: str, place: str) -> None:
    TRIED["token"] += 1
    attacker = Attacker(token_house[0].url, {"X-Forwarded-For": "203.0.113.5"})
    headers = {"cookie": {"Cookie": f"janus-token-1={token}"}, "bearer": {"Authorization": f"Bearer {token}"}}.get(
        place, {}
    )
    reply = attacker.ask("GET", f"/?token={token}" if place == "query" else "/", headers)
    assert "set-cookie" not in reply.headers
    assert attacker.ask("GET", "/gradio_api/info", headers).status == 404


def test_the_launch_token_is_kept_in_a_cookie_that_no_script_reads(token_house: tuple[RunningApp, str]) -> None:
    house, token = token_house
    reply = Attacker(house.url).ask("GET", f"/?token={token}&c=1x")
    assert (reply.status, reply.headers["location"]) == (303, "/?c=1x")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(reply.headers["set-cookie"].split("; "))


@pytest.mark.parametrize("path", ["//evil.example/", "/%5Cevil.example/", "/%0d%0aSet-Cookie:x=y", "////evil.example"])
def test_showing_the_token_leads_to_no_other_host(token_house: tuple[RunningApp, str], path: str) -> None:
    TRIED["redirect"] += 1
    house, token = token_house
    reply = Attacker(house.url).ask("GET", f"{path}?token={token}")
    location = reply.headers.get("location", "/")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert "x=y" not in reply.headers.get("set-cookie", "")
