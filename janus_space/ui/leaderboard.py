"""The Leaderboard tab: what the votes say of models and of system messages, and how sure that is."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import gradio as gr

from data_gen.preferences import DIMENSIONS
from janus_space.datasets import write_pairs_dataset
from janus_space.hub_votes import HubVotes
from janus_space.leaderboard import leaderboard
from janus_space.tally import View
from janus_space.ui import leaderboard_wording, wording
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.keyed import live_status
from janus_space.ui.voting import voter_name
from janus_space.vote_export import write_csv, write_jsonl
from janus_space.votes import Vote

INTRO = """
<h2>What the votes say</h2>
<p>Every vote in Compare counts here. Scores follow from who beat whom (Bradley–Terry): a gap of 400 points means ten
wins to one loss, and 1000 is the average. The bar is where the score lies with 95% confidence.</p>
"""
EVERY_DIMENSION = "all"


class BoardView(NamedTuple):
    """The components of the tab."""

    entry: gr.Radio
    whose: gr.Radio
    which: gr.Radio
    dimension: gr.Dropdown
    table: gr.HTML
    status: gr.HTML
    file: gr.DownloadButton

    @property
    def slices(self) -> list[Any]:
        return [self.entry, self.whose, self.which, self.dimension]


def build(tab: gr.Tab, house: House, voter: gr.BrowserState) -> None:
    """Lay out the tab and register its listeners."""
    with gr.Column(elem_id="leaderboard"):
        gr.HTML(INTRO, elem_classes="intro")
        with gr.Row(elem_id="slices"):
            entry = _switch("Rank", [("Models", "model"), ("System messages", "system message")])
            whose = _switch("Votes of", [("Everyone", "everyone"), ("Me", "mine")])
            which = _switch("Cast", [("Blind", "blind"), ("All", "all")])
            dimension = gr.Dropdown(
                [("All preferences", EVERY_DIMENSION), *((leaderboard_wording.spoken(one), one) for one in DIMENSIONS)],
                value=EVERY_DIMENSION,
                label="About",
                elem_id="about",
            )
        table = gr.HTML(elem_id="standings")
        with gr.Row(elem_classes="button-row", visible=house.can_have_owner):
            jsonl = gr.Button("Export votes as JSONL", size="sm", elem_classes="quiet")
            csv = gr.Button("Export votes as CSV", size="sm", elem_classes="quiet")
            dataset = gr.Button("Turn votes into a dataset", size="sm", elem_classes="quiet")
            file = gr.DownloadButton("Download", size="sm", visible=False, elem_classes="quiet", elem_id="votes-file")
        status = live_status()
    view = BoardView(entry, whose, which, dimension, table, status, file)
    _wire_table(tab, view, house, voter)
    _wire_taking_away(view, house, jsonl, csv, dataset)


def _switch(label: str, choices: list[tuple[str, str]]) -> gr.Radio:
    return gr.Radio(choices, value=choices[0][1], label=label, elem_classes="segmented")


def _wire_table(tab: gr.Tab, view: BoardView, house: House, voter: gr.BrowserState) -> None:
    async def open_leaderboard(browser_voter: Any, entry: str, whose: str, which: str, dimension: str) -> str:
        chosen = View(
            entry="system message" if entry == "system message" else "model",
            voter=voter_name(browser_voter) if whose == "mine" else None,
            dimension=dimension if dimension in DIMENSIONS else None,
            only_blind=which != "all",
        )
        board = await asyncio.to_thread(leaderboard, house.votes, chosen)
        trouble = house.votes.trouble if isinstance(house.votes, HubVotes) else None
        return leaderboard_wording.table(board) + (wording.note(trouble) if trouble else "")

    triggers = [tab.select, *(choice.change for choice in view.slices)]
    listen(triggers, "open_leaderboard", open_leaderboard, [voter, *view.slices], [view.table], at_once=2)


def _wire_taking_away(view: BoardView, house: House, jsonl: gr.Button, csv: gr.Button, dataset: gr.Button) -> None:
    """Register what only the owner may do; every handler is refused to others where it runs."""

    def writing(write: Callable[[Iterable[Vote], TextIO], None], name: str) -> Callable[[], Any]:
        def export() -> dict[Any, Any]:
            folder = Path(tempfile.mkdtemp(dir=view.file.GRADIO_CACHE))
            with (folder / name).open("w", encoding="utf-8", newline="") as file:
                write(house.votes, file)
            return {view.file: gr.update(value=folder / name, label=f"Download {name}", visible=True)}

        return lambda: asyncio.to_thread(export)

    async def make_dataset() -> dict[Any, Any]:
        folder = house.models.home.datasets / f"votes-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        made = await asyncio.to_thread(write_pairs_dataset, house.votes, folder)
        return {view.status: leaderboard_wording.dataset(made, folder)}

    for kind, button, write in (("jsonl", jsonl, write_jsonl), ("csv", csv, write_csv)):
        listen(button.click, f"export_votes_{kind}", writing(write, f"janus-votes.{kind}"), [], [view.file])
    listen(dataset.click, "votes_to_dataset", make_dataset, [], [view.status])
