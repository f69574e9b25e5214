"""A real sign-in, by Gradio's own routes and an OpenID provider on loopback; and where there is none."""

from __future__ import annotations

from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from tests.running_app import RunningApp
from tests.security.attacker import TRIED, Attacker, events_of
from tests.security.conftest import SPACE_HOST, visitor_of
from tests.security.provider import Provider

pytestmark = pytest.mark.xdist_group("security")  # one worker, so that the apps are started once


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def asked_to_go(url: str) -> str:
    """Open a page of the provider, and give where it sends the browser."""
    from urllib.error import HTTPError

    try:
        build_opener(_NoRedirect).open(url, timeout=10)
    except HTTPError as redirect:
        return str(redirect.headers["Location"])
    raise AssertionError("it sent the browser nowhere")


def cookie_of(reply_headers: dict[str, str]) -> str:
    morsels = SimpleCookie(reply_headers.get("set-cookie", ""))
    return "; ".join(f"{name}={morsel.value}" for name, morsel in morsels.items())


def signed_in(space: RunningApp, account: dict[str, str], hub: Provider) -> tuple[Attacker, str]:
    """Sign in as a person does; give their browser and the address that they came back to."""
    hub.account = account
    browser = visitor_of(space, "198.41.9.9")
    start = browser.ask("GET", "/login/huggingface?_target_url=//evil.example/x")
    assert start.status == 302
    back = urlsplit(asked_to_go(start.headers["location"]))
    assert (back.scheme, back.hostname) == ("https", SPACE_HOST)
    browser.headers["Cookie"] = cookie_of(dict(start.headers))
    landed = browser.ask("GET", f"{back.path}?{back.query}")
    browser.headers["Cookie"] = cookie_of(dict(landed.headers))
    flags = landed.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "secure" in flags
    return browser, landed.headers["location"]


@pytest.mark.parametrize(
    ("account", "told", "may"),
    [
        ({"sub": "5", "preferred_username": "somebody"}, "Signed in as <b>somebody</b>.", False),
        ({"sub": "6", "preferred_username": "author"}, "Signed in as <b>author</b>, the owner.", True),
        ({"sub": "77", "preferred_username": "renamed"}, "Signed in as <b>renamed</b>, the owner.", True),
        ({"sub": "8", "preferred_username": "<img src=x onerror=alert(1)>"}, "&lt;img src=x", False),
    ],
)
def test_who_signs_in_is_known_and_only_the_owner_owns(
    space: RunningApp, hub: Provider, account: dict[str, str], told: str, may: bool
) -> None:
    TRIED["sign-in"] += 1
    browser, landed_at = signed_in(space, account, hub)
    assert landed_at.startswith("/")
    assert not landed_at.startswith("//")
    events = events_of(browser.config())
    house = browser.trigger(events["open_house"], [], f"a{account['sub']}")
    assert told in house["output"]["data"][0]
    assert browser.trigger(events["jobs"], [None], f"b{account['sub']}")["success"] is may


def test_an_answer_to_somebody_elses_sign_in_is_not_taken(space: RunningApp, hub: Provider) -> None:
    """Login CSRF: a code that belongs to another browser's state."""
    TRIED["sign-in"] += 1
    hub.account = {"sub": "6", "preferred_username": "author"}
    theirs = visitor_of(space).ask("GET", "/login/huggingface")
    state = parse_qs(urlsplit(theirs.headers["location"]).query)["state"][0]
    mine = visitor_of(space)
    reply = mine.ask("GET", f"/login/callback?code=x&state={state}")
    assert "oauth_info" not in reply.headers.get("set-cookie", "")
    assert reply.headers.get("location", "/login/").startswith("/login/")


def test_on_a_server_without_the_hub_nobody_signs_in(token_house: tuple[RunningApp, str]) -> None:
    for path in ("/login/huggingface", "/login/callback", "/login", "/logout"):
        TRIED["sign-in"] += 1
        assert Attacker(token_house[0].url).ask("GET", path).status == 404
