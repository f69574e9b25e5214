"""The page: its head, and one tab for each thing that can be done here."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from janus_space import devices
from janus_space.devices import Machine
from janus_space.door import Door
from janus_space.models import Models
from janus_space.ui import augment, bench, compare, compose, grid, leaderboard, publish, train
from janus_space.ui.endpoint import build_endpoints
from janus_space.ui.form import DEFAULT_MODEL
from janus_space.ui.house import House
from janus_space.ui.lean import LeanPage
from janus_space.ui.theme import LOGO_FILE
from janus_space.ui.who import build_who, sign_in_routes, wire_who
from janus_space.votes import VoteBox

TITLE = "Janus Space"
PURPOSE = "Tell a language model how to behave, ask it something, and read the answers side by side."


def build(
    models: Models,
    look: Callable[[], Machine] = devices.machine,
    start_model: str = DEFAULT_MODEL,
    votes: VoteBox | None = None,
    door: Door | None = None,
) -> gr.Blocks:
    """Lay out the whole page."""
    house = House(models, look, start_model, votes or VoteBox(models.home.votes_file), door or Door())
    sign_in = sign_in_routes(house.door)
    with LeanPage(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        with gr.Row(elem_id="masthead"):
            gr.HTML(
                f"<header>{LOGO_FILE.read_text(encoding='utf-8')}<div><h1>{TITLE}</h1><p>{PURPOSE}</p></div></header>"
            )
            strip = gr.HTML(elem_id="machine")
        who = build_who(house, sign_in)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Compare", id="compare", elem_id="compare-tab"):
                compared = compare.build(page, house, strip)
            with gr.Tab("Compose", id="compose", elem_id="compose-tab") as compose_tab:
                compose.build(compose_tab, house, compared)
            with gr.Tab("Grid", id="grid", elem_id="grid-tab"):
                grid.build(house, compared)
            with gr.Tab("Leaderboard", id="leaderboard", elem_id="leaderboard-tab") as leaderboard_tab:
                leaderboard.build(leaderboard_tab, house, compared.voter)
            with gr.Tab("Augment", id="augment", elem_id="augment-tab", visible=house.shows_all) as augment_tab:
                augmented = augment.build(augment_tab, house, compared)
            with gr.Tab("Train", id="train", elem_id="train-tab", visible=house.shows_all) as train_tab:
                train.build(train_tab, house, compared, augmented)
            with gr.Tab("Benchmark", id="benchmark", elem_id="benchmark-tab", visible=house.shows_all) as bench_tab:
                bench.build(bench_tab, house, compared, augmented)
            with gr.Tab("Publish", id="publish", elem_id="publish-tab", visible=house.shows_all) as publish_tab:
                publish.build(publish_tab, house, compared, augmented)
        wire_who(page, house, who, [augment_tab, train_tab, bench_tab, publish_tab])
        build_endpoints(models)
    return page
