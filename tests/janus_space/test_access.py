"""Who asks, and what they may do."""

from __future__ import annotations

import pytest

from janus_space.access import EVENTS, Role, is_loopback, may, principal


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_who_sits_at_this_machine_owns_the_house(host: str) -> None:
    assert principal(host, None) is Role.OWNER


@pytest.mark.parametrize("host", ["192.0.2.7", "testclient", "", None, "127.0.0.1.evil.example"])
def test_nobody_else_does(host: str | None) -> None:
    assert principal(host, None) is Role.ANON


def test_on_a_hosted_space_everybody_is_a_stranger() -> None:
    assert principal("127.0.0.1", "someone/janus-space") is Role.ANON  # its proxy is on loopback


def test_an_event_that_nobody_listed_is_nobody_s() -> None:
    assert not may(Role.OWNER, "not_listed")


def test_a_role_may_do_what_the_ones_below_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EVENTS, "run", Role.USER)
    assert [may(role, "run") for role in Role] == [False, True, True]


def test_loopback_is_told_from_names_that_look_like_it() -> None:
    assert not is_loopback("localhost.evil.example")
    assert not is_loopback("0.0.0.0")
