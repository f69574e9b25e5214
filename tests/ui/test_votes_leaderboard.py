"""The Leaderboard tab: what it shows of the votes, and what only the owner may take away."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from janus_space.access import Caller
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.hub_votes import HubVotes
from janus_space.leaderboard import MIN_VOTES, leaderboard
from janus_space.models import Models
from janus_space.tally import View
from janus_space.ui import leaderboard_wording
from janus_space.ui.page import build
from janus_space.ui.voting import voter_name
from janus_space.votes import VoteBox
from tests.callers import OWNER, VISITOR, request_of
from tests.janus_space.sample_votes import make_vote

BROWSER_VOTER = "0123456789abcdef0123456789abcdef"
EVERYTHING = ("model", "everyone", "blind", "all")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.at(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def votes(home: Home) -> VoteBox:
    box = VoteBox(home.votes_file)
    for number in range(MIN_VOTES):
        box.cast(make_vote(["strong", "weak"], 0 if number % 3 else "tie", voter=voter_name(BROWSER_VOTER)))
    box.cast(make_vote(["strong", "<b>new</b>"], 1, voter="somebody"))
    box.cast(make_vote(["strong", "weak"], 1, was_blind=False))
    box.cast(make_vote(["strong", "strong"], 0, ["Be kind.", "Be curt."]))
    return box


@pytest.fixture(scope="module")
def page(home: Home, votes: VoteBox) -> gr.Blocks:
    return build(Models(home, EnginePool(home)), start_model="echo:", votes=votes)


def trigger(page: gr.Blocks, event: str, *values: Any, caller: Caller = OWNER) -> Any:
    request = request_of(caller)
    fn = next(fn.fn for fn in page.fns.values() if fn.api_name == event)
    return asyncio.run(fn(request, *values))


def update(outcome: dict[Any, Any]) -> Any:
    (only,) = outcome.values()
    return only


def test_everyone_s_blind_votes_rank_the_models(page: gr.Blocks) -> None:
    table = trigger(page, "open_leaderboard", BROWSER_VOTER, *EVERYTHING)
    assert table.index("STRONG") < table.index("WEAK")
    assert "&lt;b&gt;new&lt;/b&gt;" in table
    assert "<b>new" not in table.lower()
    assert f"Not enough votes: 1 of {MIN_VOTES}." in table
    assert "1 × the models&#x27; names were in view" in table
    assert table.count("class='interval'") == 2


@pytest.mark.parametrize(
    ("slices", "counted"),
    [
        (("model", "mine", "blind", "all"), f"{MIN_VOTES} votes counted"),
        (("model", "everyone", "all", "all"), f"{MIN_VOTES + 2} votes counted"),
        (("system message", "everyone", "blind", "all"), "1 vote counted"),
        (("model", "everyone", "blind", "style"), "No votes to show yet"),
        (("nonsense", "nonsense", "nonsense", "nonsense"), "votes counted"),
    ],
)
def test_each_slice_counts_its_own_votes(page: gr.Blocks, slices: tuple[str, ...], counted: str) -> None:
    assert counted in trigger(page, "open_leaderboard", BROWSER_VOTER, *slices)


def test_nobody_s_own_votes_are_another_s(page: gr.Blocks) -> None:
    assert "No votes to show yet" in trigger(page, "open_leaderboard", None, "model", "mine", "blind", "all")


def test_a_bar_spans_its_interval_on_the_scale_of_all() -> None:
    ranked = leaderboard([make_vote(["a", "b"], 0) for _ in range(MIN_VOTES)] + [make_vote(["a", "b"], 1)] * 3, View())
    table = leaderboard_wording.table(ranked)
    for one in ranked.standings:
        assert f"{one.low:.0f} to {one.high:.0f}" in table
    low, high = leaderboard_wording._scale(ranked.standings)
    assert low < min(one.low for one in ranked.standings)
    assert high > max(one.high for one in ranked.standings)


def test_models_that_never_met_are_told_apart() -> None:
    ranked = leaderboard([make_vote(["a", "b"], 0), make_vote(["c", "d"], 0)])
    assert leaderboard_wording.table(ranked).count("Never compared with those above") == 1


def test_the_owner_exports_every_vote(page: gr.Blocks, votes: VoteBox) -> None:
    lines = Path(update(trigger(page, "export_votes_jsonl"))["value"]).read_text("utf-8").splitlines()
    assert [json.loads(line)["comparison"] for line in lines] == [vote.comparison for vote in votes]
    with Path(update(trigger(page, "export_votes_csv"))["value"]).open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2 * len(lines)


def test_votes_become_a_dataset_and_the_page_says_what_was_left_out(page: gr.Blocks, home: Home) -> None:
    said = update(trigger(page, "votes_to_dataset"))
    (folder,) = home.datasets.iterdir()
    rows = (folder / "train.jsonl").read_text("utf-8").splitlines()
    assert f"{len(rows)} preference pairs from {MIN_VOTES + 3} votes" in said
    assert str(folder) in said
    assert "4 × tie: no answer was preferred" in said
    assert "1 × different system messages" in said


@pytest.mark.parametrize("event", ["export_votes_jsonl", "export_votes_csv", "votes_to_dataset"])
def test_visitors_take_nothing_away(page: gr.Blocks, event: str) -> None:
    with pytest.raises(gr.Error, match="not allowed"):
        trigger(page, event, caller=VISITOR)


def test_a_copy_on_the_hub_that_is_behind_is_told(home: Home) -> None:
    kept = HubVotes(home.votes_file, "tester/votes", "hf_x")
    kept.trouble = "The newest votes are not in tester/votes yet."
    page = build(Models(home, EnginePool(home)), start_model="echo:", votes=kept)
    assert kept.trouble in trigger(page, "open_leaderboard", None, *EVERYTHING)
    hints = [
        block.value for block in page.blocks.values() if isinstance(block, gr.HTML) and block.elem_id == "vote-keys"
    ]
    assert "in the dataset tester/votes on the Hub, with the question and the answers" in hints[0]
