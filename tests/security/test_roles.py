"""Every event of the page, triggered past its button by everybody who may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from janus_space.access import EVENTS, Role
from janus_space.verbs import VERBS
from tests.running_app import RunningApp
from tests.security.attacker import TRIED, Attacker, events_of, values_of
from tests.security.conftest import SPACE_HOST, session_cookie, visitor_of

pytestmark = pytest.mark.xdist_group("security")  # one worker, so that the apps are started once

NOT_ALLOWED = "not allowed"
_AT_A_TIME = 100  # events a minute that a visitor may trigger are not what is tested here


def who_may_not(space: RunningApp) -> dict[str, Attacker]:
    """Everybody below the owner, and everybody who only claims to be."""
    cookies = {
        "account": session_cookie("somebody"),
        "the author's name in another case": session_cookie("Author"),
        "forged with the constant of a laptop": session_cookie("author", secret=""),
        "forged with another secret": session_cookie("author", secret="guess"),
        "the author's, run out": session_cookie("author", seconds=-1),
        "unsigned": session_cookie("author").rpartition(".")[0],
    }
    return {name: Attacker(space.url, {"Cookie": cookie}, SPACE_HOST) for name, cookie in cookies.items()}


def all_outcomes(attackers: list[Attacker], config: dict[str, Any], names: list[str]) -> dict[str, dict[str, Any]]:
    """Trigger these events, and give how each ended; the attackers take turns."""
    events, ended = events_of(config), {}
    for turn, start in enumerate(range(0, len(names), _AT_A_TIME)):
        attacker, chunk = attackers[turn % len(attackers)], names[start : start + _AT_A_TIME]
        for name in chunk:
            TRIED["event"] += 1
            session = f"{id(attacker)}{turn}{name}"
            joined = attacker.join(events[name], values_of(config, events[name]), session)
            refusal = {"success": False, "output": {"error": joined.body.decode()}}
            ended[name] = attacker.outcome(session) if joined.status == 200 else refusal
    return ended


def test_every_event_that_is_not_a_visitors_is_refused_to_visitors(space: RunningApp) -> None:
    visitors = [visitor_of(space, f"198.41.0.{number}") for number in range(1, 9)]
    config = visitors[0].config()
    names = [name for name in events_of(config) if EVENTS.get(name, Role.OWNER) > Role.ANON or name in VERBS]
    assert len(names) > 50
    for name, outcome in all_outcomes(visitors, config, names).items():
        assert outcome["success"] is False, name
        assert NOT_ALLOWED in outcome["output"]["error"], (name, outcome)


def test_forged_and_lesser_accounts_own_nothing(space: RunningApp, request: pytest.FixtureRequest) -> None:
    """Every owner's event for each of them under `make proof`; here a few, since one check decides them all."""
    attackers = who_may_not(space)
    config = next(iter(attackers.values())).config()
    names = ["jobs", "train_start", "augment_start", "export_votes_jsonl", "votes_to_dataset"]
    for who, attacker in attackers.items():
        for name, outcome in all_outcomes([attacker], config, names).items():
            assert NOT_ALLOWED in str(outcome["output"].get("error")), (who, name, outcome)


def test_the_owner_may(space: RunningApp) -> None:
    owner = Attacker(space.url, {"Cookie": session_cookie("author")}, SPACE_HOST)
    config = owner.config()
    for name, outcome in all_outcomes([owner], config, ["jobs", "open_house"]).items():
        assert outcome["success"] is True, (name, outcome)


def test_another_visitors_page_can_be_neither_read_nor_used(space: RunningApp) -> None:
    victim, thief = visitor_of(space, "198.41.0.21"), visitor_of(space, "198.41.0.22")
    config = victim.config()
    event = events_of(config)["open_page"]
    values = values_of(config, event)
    session = "known-to-the-thief"
    assert victim.trigger(event, values, session)["success"] is True
    for path in (f"queue/data?session_hash={session}", f"heartbeat/{session}"):
        TRIED["session"] += 1
        assert thief.ask("GET", f"/gradio_api/{path}").status == 404
    for name in ("open_page", "export_json", "share", "edit", "compose_export"):
        TRIED["session"] += 1
        stolen = events_of(config)[name]
        assert thief.join(stolen, values_of(config, stolen), session).status in (200, 422)
    said = victim.ask("GET", f"/gradio_api/queue/data?session_hash={session}").body
    ended = [json.loads(line[5:]) for line in said.splitlines() if b"process_completed" in line]
    assert ended
    assert all("opened from elsewhere" in message["output"]["error"] for message in ended)
