"""The influence view over a tiny Llama in a real engine: offered, drawn, locked, stopped; and what it says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from data_gen.hierarchy import Hierarchy
from data_gen.system_message import write
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.compose import load_hierarchy
from janus_space.engine.process import EnginePool
from janus_space.errors import ScoringRefused, VoteRefused
from janus_space.explain import Influence, PartInfluence
from janus_space.home import Home
from janus_space.message_parts import Part
from janus_space.models import Models
from janus_space.ui import influence_wording
from janus_space.ui.board import Board
from janus_space.ui.influence import MUTE, Explaining, InfluenceView, build_influence, parts_of, shown
from tests.tiny_models import tiny_llama

SYSTEM = "You are a pirate. Answer briefly."
ANSWER = "Aye, the <b>sea</b> is wide."


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return load_hierarchy()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    home = Home.at(tmp_path_factory.mktemp("home"))
    pool = EnginePool(home, threads=1)
    yield Models(home, pool)
    pool.close()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_llama(tmp_path_factory.mktemp('tiny') / 'base')}"


@pytest.fixture(scope="module")
def view() -> InfluenceView:
    with gr.Blocks():
        return build_influence("A")


def answered(model: str, system: str | None = SYSTEM, answer: str = ANSWER) -> Board:
    board = Board()
    column = Column(model=model, system=system, device="cpu")
    board.begin(Comparison(columns=(column,), turns=(Turn(prompt="What is the sea?"),)), [0], "run")
    board.take({0: ColumnEvent(column=0, state="done", text=answer)})
    return board


def play(explaining: Explaining, board: Board, stop_at: int | None = None) -> list[dict[Any, Any]]:
    async def updates() -> list[dict[Any, Any]]:
        seen = []
        async for update in explaining.explain(0, board):
            seen.append(update)
            if len(seen) == stop_at:
                explaining.stop(0, board)
        return seen

    return asyncio.run(updates())


def test_an_answer_is_drawn_with_a_layer_for_the_message_and_each_sentence(
    models: Models, hierarchy: Hierarchy, view: InfluenceView, spec: str
) -> None:
    board = answered(spec)
    first, *_, last = play(Explaining(models, hierarchy, [view]), board)
    assert first[view.stop]["visible"] is True
    assert first[view.ask]["visible"] is False
    assert "reading the answer 4 times" in first[view.status]
    drawn = last[view.picture]
    assert "".join(drawn["tokens"]) == ANSWER
    assert [layer["name"] for layer in drawn["layers"]] == [
        influence_wording.WHOLE,
        "You are a pirate.",
        "Answer briefly.",
    ]
    assert all(len(layer["influence"]) == len(drawn["tokens"]) for layer in drawn["layers"])
    assert any(abs(nats) > 0.1 for nats in drawn["layers"][0]["influence"])
    assert (last[view.stop]["visible"], last[view.status]) == (False, "")
    assert board.explanations.run_ids == {}


def test_an_explanation_lasts_as_long_as_its_answer(
    models: Models, hierarchy: Hierarchy, view: InfluenceView, spec: str
) -> None:
    board = answered(spec)
    play(Explaining(models, hierarchy, [view]), board)
    assert shown(view, board, 0)[view.picture]["layers"]
    board.take({0: ColumnEvent(column=0, state="done", text="Another answer.")})
    again = shown(view, board, 0)
    assert again[view.picture] == {}
    assert again[view.ask]["visible"] is True


def test_stop_ends_it_and_the_button_comes_back(
    models: Models, hierarchy: Hierarchy, view: InfluenceView, spec: str
) -> None:
    board = answered(spec)
    *_, last = play(Explaining(models, hierarchy, [view]), board, stop_at=1)
    assert "stopped by you" in last[view.status]
    assert last[view.ask]["visible"] is True
    assert last[view.picture] == {}
    assert len(board.explanations.found) == 0


def test_a_blind_answer_is_locked(models: Models, hierarchy: Hierarchy, view: InfluenceView, spec: str) -> None:
    board = answered(spec)
    board.is_blind = True
    hidden = shown(view, board, 0)
    assert not hidden[view.ask]["visible"]
    assert (hidden[view.status], hidden[view.picture]) == ("", {})
    with pytest.raises(VoteRefused):
        play(Explaining(models, hierarchy, [view]), board)


@pytest.mark.parametrize("model", ["openai:gpt-4o-mini", "echo:"])
def test_a_model_that_gives_no_log_probabilities_says_so(
    models: Models, hierarchy: Hierarchy, view: InfluenceView, model: str
) -> None:
    board = answered(model)
    told = shown(view, board, 0)
    assert told[view.ask]["visible"] is False
    assert MUTE in told[view.status]
    with pytest.raises(ScoringRefused):
        play(Explaining(models, hierarchy, [view]), board)


def test_nothing_is_offered_without_a_message_or_an_answer(
    models: Models, hierarchy: Hierarchy, view: InfluenceView, spec: str
) -> None:
    assert shown(view, answered(spec, system=None), 0)[view.ask]["visible"] is False
    empty = answered(spec, answer=" ")
    assert not shown(view, empty, 0)[view.ask]["visible"]
    with pytest.raises(BadRequest, match="ask something first"):
        play(Explaining(models, hierarchy, [view]), empty)


def test_a_model_that_is_gone_is_told_in_a_sentence(
    models: Models, hierarchy: Hierarchy, view: InfluenceView, tmp_path: Path
) -> None:
    board = answered(f"path:{tmp_path}")
    *_, last = play(Explaining(models, hierarchy, [view]), board)
    assert "status-line failed" in last[view.status]
    assert last[view.ask]["visible"] is True


def test_a_composed_message_is_divided_by_its_preferences(hierarchy: Hierarchy) -> None:
    picks = hierarchy.surprise(3)
    parts = parts_of(write(picks, seed=3).text, hierarchy)
    assert {part.name for part in parts} == {leaf.preference for leaf in picks}
    assert [part.name for part in parts_of(SYSTEM, hierarchy)] == ["You are a pirate.", "Answer briefly."]


@pytest.mark.parametrize(
    ("nats", "words"),
    [
        (math.log(8), "8 times more likely"),
        (-math.log(3.2), "3.2 times less likely"),
        (math.log(45_300), "45,000 times more likely"),
        (99.0, "over a million times more likely"),
        (0.01, "as likely as without it"),
    ],
)
def test_differences_are_said_in_plain_words(nats: float, words: str) -> None:
    assert influence_wording.times(nats) == words


def test_a_part_is_called_followed_or_ignored() -> None:
    tokens, part = ("Aye", ",", " friend"), Part("be a pirate", "be a pirate", "")
    heard = PartInfluence(part, (3.0, 0.1, 0.0), 3.1, 3.1, is_ignored=False)
    unheard = PartInfluence(part, (0.1, 0.0, 0.0), 0.1, 0.0, is_ignored=True)
    assert influence_wording.part_said(heard, tokens) == "Followed: most of all, it made “Aye,” 22 times more likely."
    assert influence_wording.part_said(unheard, tokens).startswith("Ignored")
    drawn = influence_wording.drawn(Influence(tokens, heard.influence, 3.1, 3.1 / 3, (), (heard, unheard)))
    assert [layer["verdict"] for layer in drawn["layers"]] == ["", "followed", "ignored"]
    assert "+1.03 nats a token, +3.1 over all 3 tokens" in drawn["layers"][0]["said"]
