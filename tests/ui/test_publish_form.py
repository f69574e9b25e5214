"""What the form of the Publish tab asks for, and what it offers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.access import Caller, Role, asked_by
from janus_space.devices import Machine
from janus_space.engine.process import EnginePool
from janus_space.errors import PublishRefused
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui.house import House
from janus_space.ui.publish import request_of, token_of
from janus_space.ui.publish_form import CHAIN, VOTES, PublishForm, choices_of, hub_address
from janus_space.ui.visitor_keys import VisitorKeys
from janus_space.votes import VoteBox
from tests.janus_space.sample_votes import make_vote
from tests.trainer.sample_rows import sft_rows, write_jsonl
from trainer.errors import BadConfig, BadDataset


@pytest.fixture
def house(janus_home: Path) -> House:
    home = Home.at(janus_home)
    return House(Models(home, EnginePool(home)), lambda: Machine(), "echo:", VoteBox(home.votes_file))


def form(**values: Any) -> PublishForm:
    plain = {"kind": CHAIN, "source": "", "preset": "embedded-sft", "model": "embedded:smollm2", "steps": ""}
    plain |= {"repo_id": "me/mine", "licence": "", "hardware": "auto", "private": False, "merged": False}
    return PublishForm.of_values(tuple((plain | values).values()))


def test_what_is_here_already_is_asked_for_as_the_command_does(house: House) -> None:
    request = request_of(form(kind="dataset", source=" voices ", licence="mit", private=True, merged=True), house)
    assert (request.what, request.source, request.license, request.private) == ("dataset", "voices", "mit", True)
    assert not request.merged  # there is nothing to merge
    assert request.config is None
    assert request_of(form(kind="model", source="train/run", merged=True), house).merged


def test_a_run_to_come_is_a_config(house: House, tmp_path: Path) -> None:
    rows = write_jsonl(tmp_path / "rows.jsonl", sft_rows())
    request = request_of(form(source=str(rows), steps="30"), house)
    assert (request.what, request.source) == ("model", str(rows))
    assert request.config is not None
    asked = {name: request.config[name] for name in ("method", "model", "dataset", "max_steps", "preset")}
    assert asked == {
        "method": "sft",
        "model": "embedded:smollm2",
        "dataset": str(rows),
        "max_steps": 30,
        "preset": "embedded-sft",
    }
    with pytest.raises(BadConfig, match="max_steps"):
        request_of(form(source=str(rows), steps="many"), house)
    write_jsonl(rows, [{"prompt": "x", "output": ""}])
    with pytest.raises(BadDataset):
        request_of(form(source=str(rows)), house)


def test_votes_become_pairs_that_dpo_learns_from(house: House) -> None:
    house.votes.cast(make_vote("ab", 0))
    assert ("Your votes, as preference pairs", VOTES) in choices_of(CHAIN, house)
    request = request_of(form(source=VOTES), house)
    assert request.config is not None
    assert request.config["method"] == "dpo"
    assert (Path(str(request.config["dataset"])) / "train.jsonl").exists()


@pytest.mark.parametrize(
    ("values", "told"), [({"source": "voices", "repo_id": ""}, "OWNER/NAME"), ({"source": ""}, "is empty")]
)
def test_what_is_missing_is_told_before_anything_is_written(house: House, values: dict[str, str], told: str) -> None:
    with pytest.raises(PublishRefused, match=told):
        request_of(form(**values), house)
    assert not house.models.home.datasets.exists()


def test_what_was_published_here_is_offered_to_a_space_and_a_collection(house: House) -> None:
    for name, what, state in (("a", "model", "done"), ("b", "dataset", "done"), ("c", "model", "failed")):
        folder = house.models.home.jobs / "publish" / name
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(json.dumps({"what": what}))
        (folder / "exit.json").write_text(json.dumps({"state": state, "repo_id": f"me/{name}"}))
    assert choices_of("space", house) == [("me/a", "me/a")]
    ((_, tied),) = choices_of("collection", house)
    assert set(tied.split(",")) == {"me/a", "dataset:me/b"}


def test_a_token_typed_in_this_visit_goes_before_that_of_the_sign_in() -> None:
    keys = VisitorKeys()
    with asked_by(Caller(Role.OWNER, "account 5", "me", hub_token="hf_signed_in")):
        assert token_of(keys, "visitor") == "hf_signed_in"
        keys.keep("visitor", hub_address(), "hf_typed")
        assert token_of(keys, "visitor") == "hf_typed"
        keys.keep("visitor", hub_address(), "")
        assert token_of(keys, "visitor") == "hf_signed_in"
    assert token_of(keys, "visitor") is None, "then the worker takes HF_TOKEN of this machine"


def test_a_token_is_lent_to_one_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = VisitorKeys()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:8123")
    keys.keep("visitor", hub_address(), "hf_mine")
    assert token_of(keys, "visitor") == "hf_mine"
    assert token_of(keys, "another") is None
    monkeypatch.delenv("HF_ENDPOINT")
    assert token_of(keys, "visitor") is None
    with pytest.raises(BadRequest):
        keys.keep("visitor", "http://me:secret@127.0.0.1", "hf_mine")
