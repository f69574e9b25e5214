"""Who asks, and what they may do."""

from __future__ import annotations

import asyncio

import pytest

from janus_space.access import EVENTS, Caller, Role, asked_by, current_caller, is_loopback, may


def test_while_nobody_asks_there_is_no_caller_and_each_task_keeps_its_own() -> None:
    async def ask(name: str) -> str | None:
        with asked_by(Caller(Role.ANON, name)):
            await asyncio.sleep(0)
            caller = await asyncio.create_task(told())
            return caller.name if caller else None

    async def told() -> Caller | None:
        return current_caller()

    async def both() -> list[str | None]:
        return await asyncio.gather(ask("one"), ask("two"))

    assert asyncio.run(both()) == ["one", "two"]
    assert current_caller() is None


def test_an_event_that_nobody_listed_is_nobody_s() -> None:
    assert not may(Role.OWNER, "not_listed")


def test_a_role_may_do_what_the_ones_below_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EVENTS, "run", Role.USER)
    assert [may(role, "run") for role in Role] == [False, True, True]


def test_loopback_is_told_from_names_that_look_like_it() -> None:
    assert not is_loopback("localhost.evil.example")
    assert not is_loopback("0.0.0.0")
