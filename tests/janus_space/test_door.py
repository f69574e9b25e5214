"""Who asks: the owner, an account, a visitor, or nobody who is let in."""

from __future__ import annotations

import time
from typing import Any

import pytest

from janus_space.access import Role
from janus_space.door import Asked, Door, Space, counted_as, host_name
from janus_space.launch_token import LaunchToken

HERE = {"host": "127.0.0.1:7860"}
OAUTH = {
    "SYSTEM": "spaces",
    "OAUTH_CLIENT_ID": "id",
    "OAUTH_CLIENT_SECRET": "s",
    "OAUTH_SCOPES": "openid",
    "OPENID_PROVIDER_URL": "https://x",
}
HUB = {"SPACE_ID": "author/space", "SPACE_HOST": "author-space.hf.space,own.example", "SPACE_CREATOR_USER_ID": "77"}


def session(name: str = "somebody", number: str = "5", seconds: float = 60.0) -> dict[str, Any]:
    return {
        "oauth_info": {"userinfo": {"preferred_username": name, "sub": number}, "expires_at": time.time() + seconds}
    }


def lent(asked: dict[str, Any], **environment: str) -> str | None:
    """Give the token that a session lends on a Space whose sign-in asks for one that can publish."""
    lending = {"OAUTH_SCOPES": "openid profile contribute-repos", "OPENID_PROVIDER_URL": "https://huggingface.co"}
    caller = Door(Space.of({**HUB, **OAUTH, **lending, **environment})).caller(Asked("10.0.0.1", HERE, session=asked))
    assert caller is not None
    assert "hf_lent" not in repr(caller)
    return caller.hub_token


def role(door: Door, client: str, headers: dict[str, str], **shown: Any) -> Role | None:
    caller = door.caller(Asked(client, headers, **shown))
    return caller.role if caller else None


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.8.8", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:1", "[::1]:7860", "localhost"])
def test_who_sits_at_this_machine_owns_the_house(client: str, host: str) -> None:
    assert role(Door(), client, {"host": host}) is Role.OWNER


@pytest.mark.parametrize("client", ["192.0.2.7", "testclient", "", "127.0.0.1.evil.example", "0.0.0.0"])
def test_nobody_else_is_let_in_on_loopback(client: str) -> None:
    assert role(Door(), client, HERE) is None


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host"])
def test_whom_a_proxy_brought_does_not_sit_here(header: str) -> None:
    assert role(Door(), "127.0.0.1", HERE | {header: "127.0.0.1"}) is None


def test_the_launch_token_makes_the_owner_wherever_it_is_shown_in_a_cookie_or_header() -> None:
    token = LaunchToken()
    door = Door(token=token)
    far = {"host": "192.0.2.1:7860"}
    assert role(door, "192.0.2.7", far) is None
    assert role(door, "192.0.2.7", far, cookies={"janus-token-7860": token.told}) is Role.OWNER
    assert role(door, "192.0.2.7", far | {"authorization": f"Bearer {token.told}"}) is Role.OWNER
    assert role(door, "192.0.2.7", far | {"authorization": f"Basic {token.told}"}) is None
    assert role(door, "192.0.2.7", far, cookies={"janus-token-7860": token.told[:-1]}) is None


def test_with_a_token_loopback_alone_makes_a_visitor_whom_the_named_endpoints_answer() -> None:
    caller = Door(token=LaunchToken()).caller(Asked("127.0.0.1", HERE))
    assert caller is not None
    assert (caller.role, caller.may_use_api) == (Role.ANON, True)


def test_visitors_come_in_beside_the_token_where_the_owner_wants_them() -> None:
    door = Door(token=LaunchToken(), takes_visitors=True)
    caller = door.caller(Asked("192.0.2.7", {"host": "192.0.2.1", "x-forwarded-for": "8.8.8.8"}))
    assert caller is not None
    assert (caller.role, caller.may_use_api) == (Role.ANON, False)
    assert caller.name == "visitor 192.0.2.7"  # outside the Hub nobody vouches for that header


@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.3.7"])
def test_on_a_hosted_space_everybody_is_a_visitor(client: str) -> None:
    assert role(Door(Space.of(HUB)), client, HERE) is Role.ANON  # its proxy may be on loopback


def test_a_signed_in_account_is_known_and_the_author_or_creator_owns_the_space() -> None:
    door = Door(Space.of(HUB | OAUTH))
    host = {"host": "author-space.hf.space"}
    assert role(door, "10.0.0.1", host, session=session()) is Role.USER
    assert role(door, "10.0.0.1", host, session=session("author")) is Role.OWNER
    assert role(door, "10.0.0.1", host, session=session(number="77")) is Role.OWNER
    assert role(door, "10.0.0.1", host, session=session("author", seconds=-1)) is Role.ANON
    assert role(door, "10.0.0.1", host, session=session("Author")) is Role.USER


def with_token(asked: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {"oauth_info": {**asked["oauth_info"], "access_token": "hf_lent", **told}}


def test_the_owners_sign_in_lends_a_token_to_publish_with_and_nobody_elses() -> None:
    assert lent(with_token(session("author"))) == "hf_lent"
    assert lent(with_token(session("renamed", "77"), scope="openid manage-repos")) == "hf_lent"
    assert lent(with_token(session("somebody"))) is None
    assert lent(with_token(session("author", seconds=-1))) is None
    assert lent(session("author")) is None


@pytest.mark.parametrize(
    ("told", "environment"),
    [
        ({}, {"OAUTH_SCOPES": "openid profile"}),
        ({"scope": "openid profile read-repos"}, {}),
        ({}, {"HF_ENDPOINT": "https://mirror.example"}),
        ({}, {"OPENID_PROVIDER_URL": "https://evil.example"}),
        ({}, {"SYSTEM": ""}),
        ({"access_token": ["hf_lent"]}, {}),
    ],
)
def test_a_token_that_cannot_publish_or_is_another_hubs_is_not_lent(
    told: dict[str, Any], environment: dict[str, str]
) -> None:
    assert lent(with_token(session("author"), **told), **environment) is None


@pytest.mark.parametrize("lacking", sorted(OAUTH))
def test_without_the_spaces_own_secret_no_session_is_believed(lacking: str) -> None:
    door = Door(Space.of({**HUB, **OAUTH, lacking: ""}))
    assert not door.can_have_owner
    assert role(door, "10.0.0.1", HERE, session=session("author", "77")) is Role.ANON
    assert role(Door(), "10.0.0.1", HERE, session=session("author", "77")) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"oauth_info": None},
        {"oauth_info": "author"},
        {"oauth_info": {"userinfo": "author"}},
        {"oauth_info": {"userinfo": {"preferred_username": "author"}, "expires_at": time.time() + 60}},
        {"oauth_info": {"userinfo": {"preferred_username": "author", "sub": "1"}}},
        {"oauth_info": {"userinfo": {"preferred_username": "author", "sub": "1"}, "expires_at": "never"}},
    ],
)
def test_a_session_that_is_not_whole_is_none(broken: dict[str, Any]) -> None:
    assert role(Door(Space.of(HUB | OAUTH)), "10.0.0.1", HERE, session=broken) is Role.ANON


def test_an_account_without_a_name_does_not_own_a_space_without_an_author() -> None:
    space = Space.of({**HUB, **OAUTH, "SPACE_ID": "/space", "SPACE_CREATOR_USER_ID": ""})
    assert role(Door(space), "10.0.0.1", HERE, session=session("", "5")) is Role.USER


@pytest.mark.parametrize(
    ("hops", "name"),
    [
        (["93.184.216.34", "10.0.0.1"], "93.184.216.34"),
        (["8.8.8.8", "93.184.216.34", "10.0.0.9", "10.0.0.1"], "93.184.216.34"),  # the first is the visitor's own word
        (["nonsense", "", "10.0.0.1"], "10.0.0.1"),
        (["2a00:1450:4001:81b::200e", "10.0.0.1"], "2a00:1450:4001:81b::/64"),
        (["unix"], "unknown"),
    ],
)
def test_use_is_counted_under_what_a_visitor_cannot_choose(hops: list[str], name: str) -> None:
    assert counted_as(hops) == name


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::", "localhost:80:80", "a/b", "a@b", None]
)
def test_a_foreign_host_is_not_ours(host: str | None) -> None:
    name = host_name(host) if host is not None else None
    assert not any(door.is_own(name) for door in (Door(), Door(Space.of(HUB)), Door(token=LaunchToken())))


def test_a_house_is_asked_by_its_own_names() -> None:
    assert Door(Space.of(HUB)).is_own("own.example")
    assert not Door().is_own("192.0.2.1")
    with_token = Door(token=LaunchToken(), names=frozenset({"big-machine"}))
    assert with_token.is_own("192.0.2.1")  # an address cannot be rebound to another
    assert with_token.is_own("big-machine")
