"""The Grid tab over a tiny Llama in a real engine: filled row by row, read cell by cell, stopped, taken away."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from janus_space.comparison import Column, ColumnEvent, Comparison, Turn
from janus_space.devices import Machine
from janus_space.engine.process import EnginePool
from janus_space.grid import Grid, GridRow
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui import grid_wording
from janus_space.ui.board import Board
from janus_space.ui.compare import CompareView
from janus_space.ui.form import ROOM, ColumnForm, Form
from janus_space.ui.grid import Gridding, _build_view
from janus_space.ui.grid_board import GridBoard, asked
from janus_space.ui.grid_export import as_csv, as_json
from janus_space.ui.house import House
from janus_space.ui.visitor_keys import VisitorKeys
from janus_space.votes import VoteBox
from tests.tiny_models import tiny_llama

SYSTEMS = ("You are a pirate.", "You are a teacher.")
ATTACK = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    home = Home.at(tmp_path_factory.mktemp("home"))
    pool = EnginePool(home, threads=1)
    yield Models(home, pool)
    pool.close()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_llama(tmp_path_factory.mktemp('tiny') / 'base')}"


@pytest.fixture
def gridding(models: Models, tmp_path: Path) -> Gridding:
    def no_look() -> Machine:
        raise AssertionError("the listeners do not look at the machine")

    house = House(models, no_look, "echo:", VoteBox(tmp_path / "votes.jsonl"))
    with gr.Blocks():
        compared = CompareView([], gr.State(""), VisitorKeys(), gr.BrowserState(""), gr.State(Board()))
        return Gridding(_build_view([("Echo", "echo:")], "echo:"), house, compared)


def play(gridding: Gridding, board: GridBoard, *values: Any, stop_at: int | None = None) -> list[dict[Any, Any]]:
    async def updates() -> list[dict[Any, Any]]:
        seen = []
        async for update in gridding.run(board, "", *values):
            seen.append(update)
            if len(seen) == stop_at:
                gridding.stop(board)
        return seen

    return asyncio.run(updates())


def scored(text: str = "Aye.") -> GridBoard:
    """A whole grid of two messages; the second answer fits the first message better than its own."""
    board = GridBoard()
    board.begin(asked(["path:m"], SYSTEMS, "Who are you?"), "run")
    for column, logprobs in enumerate([(-1.0, -1.5), (-1.2, -1.25)]):
        board.take(ColumnEvent(column=column, state="done", text=text))
        board.take(GridRow("path:m", column, logprobs))
    board.take(Grid("path:m", "path:m", (0, 1), ((-1.0, -1.5), (-1.2, -1.25)), 2, 0.5, 0.225))
    return board


def test_a_grid_is_filled_as_it_comes_along(gridding: Gridding, spec: str) -> None:
    board, view = GridBoard(), gridding.view
    seen = play(gridding, board, spec, "2", "echo:", "", "Who are you?", *SYSTEMS, "", "")
    said = [update[view.status] for update in seen]
    assert "0 of 2 answers written · 0 of 2 scored" in said[0]
    assert any("2 of 2 answers written · 1 of 2 scored" in words for words in said)
    last = seen[-1]
    assert (last[view.status], last[view.run]["interactive"], last[view.stop]["interactive"]) == ("", True, False)
    assert last[view.maps].count("data-key=") == 4
    assert "best explained by" in last[view.maps]
    told = gridding.show_answer({"key": "1-0"}, board)
    assert "I was told: You are a teacher." in told
    assert "Message 1: You are a pirate." in told


def test_stop_keeps_what_there_is_and_frees_the_button(gridding: Gridding, spec: str) -> None:
    board, view = GridBoard(), gridding.view
    *_, last = play(gridding, board, spec, "2", "echo:", "", "Who are you?", *SYSTEMS, "", "", stop_at=2)
    assert "stopped by you" in last[view.status]
    assert last[view.run]["interactive"] is True
    assert len(board.rows) < 2


def test_a_scorer_without_log_probabilities_is_refused_in_words(gridding: Gridding) -> None:
    *_, last = play(gridding, GridBoard(), "", "2", "echo:", "", "Why?", *SYSTEMS, "", "")
    assert "choose a model that runs on this machine" in last[gridding.view.status]
    assert last[gridding.view.run]["interactive"] is True


@pytest.mark.parametrize(
    ("models", "systems", "prompt", "sentence"),
    [
        ([None, ""], SYSTEMS, "Why?", "Choose a model"),
        (["echo:"], ("x", " "), "Why?", "Message 2 is empty"),
        (["echo:"], ("x", "x "), "Why?", "are the same"),
        (["echo:"], SYSTEMS, " ", "Write a question"),
        (["echo:"], SYSTEMS, "x" * 33_000, "is longer than"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(
    models: list[str | None], systems: tuple[str, ...], prompt: str, sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        asked(models, systems, prompt)


def test_the_columns_of_compare_fill_the_fields(gridding: Gridding) -> None:
    own = [ColumnForm(model="echo:", system=text) for text in SYSTEMS]
    form = Form(model="echo:", count=2, columns=(*own, *[ColumnForm()] * (ROOM - 2)))
    before = Comparison(columns=(Column(model="echo:"),), turns=(Turn(prompt="Asked before?"),))
    view = gridding.view
    taken = gridding.take_over(Board(before), *form.values())
    assert [taken[box] for box in view.systems] == [*SYSTEMS, "", ""]
    assert (taken[view.count], taken[view.models[0]], taken[view.models[1]]) == ("2", "echo:", "")
    assert taken[view.prompt] == "Asked before?"
    with pytest.raises(BadRequest, match="share one system message"):
        gridding.take_over(Board(), *form.model_copy(update={"axis": "models", "system": "Be kind."}).values())


def test_the_diagonal_is_said_in_words_and_marked_not_by_colour_alone() -> None:
    board = scored()
    drawn = grid_wording.heat_maps(board)
    assert "1 of 2 answers is best explained by its own message (chance: 1 in 2)" in drawn
    assert "aria-label='Answer 1 under message 1: −1.000, its own message, best of its row'" in drawn
    assert "aria-label='Answer 2 under message 2: −1.250, its own message'" in drawn
    assert drawn.count("●</span>") == 2
    assert "its own makes each token 4.9% less likely" in grid_wording.behind(board, 1, 0).lower()


def test_texts_are_escaped_everywhere() -> None:
    board = GridBoard()
    board.begin(asked([f"path:{ATTACK}"], (ATTACK, "x"), "Why?"), "run")
    board.take(ColumnEvent(column=0, state="done", text=ATTACK))
    board.take(GridRow(f"path:{ATTACK}", 0, (-1.0, -2.0)))
    assert "<img" not in grid_wording.heat_maps(board) + grid_wording.behind(board, 0, 0)


def test_an_answer_that_failed_says_why_in_its_row() -> None:
    board = GridBoard()
    board.begin(asked(["openai:m"], SYSTEMS, "Why?"), "run")
    board.take(ColumnEvent(column=0, state="failed", note="Nobody answers <there>."))
    assert "Nobody answers &lt;there&gt;." in grid_wording.heat_maps(board)


@pytest.mark.parametrize("key", ["9-0", "0-9", "x", "0-", None])
def test_a_cell_that_is_not_there_is_refused(gridding: Gridding, key: str | None) -> None:
    with pytest.raises(BadRequest, match="not there any more"):
        gridding.show_answer({"key": key}, scored())


def test_exports_hold_every_cell_and_no_formula() -> None:
    board = scored(text="=HYPERLINK('x')")
    whole = json.loads(as_json(board))
    assert [cell["mean_logprob"] for cell in whole["cells"]] == [-1.0, -1.5, -1.2, -1.25]
    assert whole["grids"][0]["diagonal_share"] == 0.5
    lines = list(csv.DictReader(io.StringIO(as_csv(board))))
    assert len(lines) == 4
    assert {line["text"][0] for line in lines} == {"'"}
    assert float(lines[0]["mean_logprob"]) == -1.0
    with pytest.raises(BadRequest, match="nothing to export"):
        as_json(GridBoard())
