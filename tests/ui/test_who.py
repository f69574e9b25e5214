"""The line that says who looks, and which tabs are theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from janus_space.access import Caller, Role
from janus_space.devices import Machine
from janus_space.door import Door, Space
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.hub_votes import HubVotes
from janus_space.launch_token import LaunchToken
from janus_space.models import Models
from janus_space.ui.house import House
from janus_space.ui.page import build
from janus_space.ui.who import told
from janus_space.votes import VoteBox
from tests.callers import OWNER, VISITOR, request_of

SPACE = Door(Space("author/space", frozenset({"author-space.hf.space"}), signs_in=True))
NAMELESS = Door(Space("author/space", frozenset({"author-space.hf.space"})))
SERVER = Door(token=LaunchToken(), takes_visitors=True)


def house_of(folder: Path, door: Door, votes: VoteBox | None = None) -> House:
    home = Home.at(folder)
    models = Models(home, EnginePool(home), hosted=door.has_strangers)
    return House(models, lambda: Machine(8, 8), "echo:", votes or VoteBox(home.votes_file), door)


def test_an_account_is_named_and_its_name_is_text(tmp_path: Path) -> None:
    house = house_of(tmp_path, SPACE)
    assert "Sign in with Hugging Face" in told(VISITOR, house)
    assert "Signed in as <b>me</b>. " in told(Caller(Role.USER, "account 1", "me"), house)
    assert "<b>me</b>, the owner" in told(Caller(Role.OWNER, "account 1", "me"), house)
    assert "&lt;b&gt;" in told(Caller(Role.USER, "account 1", "<b>"), house)


def test_where_nobody_can_sign_in_nobody_is_asked_to(tmp_path: Path) -> None:
    assert "Sign in" not in told(VISITOR, house_of(tmp_path, NAMELESS))
    assert told(OWNER, house_of(tmp_path, SERVER)) == "<span>You are the owner.</span>"


def test_a_space_says_what_a_restart_takes_away(tmp_path: Path) -> None:
    assert "votes, jobs and what they made are gone" in told(VISITOR, house_of(tmp_path, SPACE))
    kept = HubVotes(tmp_path / "votes.jsonl", "author/<votes>", "hf_x")
    sentence = told(VISITOR, house_of(tmp_path, SPACE, kept))
    assert "Votes are kept in the dataset author/&lt;votes&gt;; jobs and what they made are gone" in sentence


@pytest.mark.parametrize(
    ("door", "caller", "is_shown"),
    [(SPACE, VISITOR, False), (SPACE, OWNER, True), (SERVER, VISITOR, False), (SERVER, OWNER, True)],
)
def test_the_owners_tabs_are_the_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Door, caller: Caller, is_shown: bool
) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "author/space")
    for name in ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL"):
        monkeypatch.setattr(f"gradio.oauth.{name}", "x")
    home = Home.at(tmp_path)
    page = build(Models(home, EnginePool(home), hosted=True), start_model="echo:", door=door)
    updates = opened(page, caller)
    tabs = {tab.label: update["visible"] for tab, update in updates.items() if isinstance(tab, gr.Tab)}
    assert {"Augment", "Train"} <= tabs.keys()
    assert set(tabs.values()) == {is_shown}
    hidden = {block.label for block in page.blocks.values() if isinstance(block, gr.Tab) and block.visible is False}
    assert hidden == tabs.keys()


def opened(page: gr.Blocks, caller: Caller) -> dict[Any, Any]:
    fn = next(fn.fn for fn in page.fns.values() if fn.api_name == "open_house")
    return asyncio.run(fn(request_of(caller)))
