"""Less work for Gradio, and the same page: what is left out is what nobody reads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import gradio as gr
import pytest

from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui.lean import LeanPage, LeanSession
from janus_space.ui.page import build


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> LeanPage:
    home = Home.at(tmp_path_factory.mktemp("home"))
    page = build(Models(home, EnginePool(home)), start_model="echo:")
    assert isinstance(page, LeanPage)
    return page


def test_no_event_of_the_page_waits_for_a_state_to_change(page: LeanPage) -> None:
    """`LeanPage` looks for no such change: use the success of the event that changes it instead."""
    states = {number for number, block in page.blocks.items() if isinstance(block, gr.State)}
    waiting = [fn.api_name for fn in page.fns.values() for target in fn.targets if target[0] in states]
    assert waiting == []


def test_what_an_event_changed_is_prepared_as_gradio_does_and_the_rest_is_left_alone(page: LeanPage) -> None:
    run = next(fn for fn in page.fns.values() if fn.api_name == "run")
    button = next(output for output in run.outputs if isinstance(output, gr.Button))
    text = next(output for output in run.outputs if isinstance(output, gr.Textbox))
    updates = {button: gr.update(visible=True), text: "said"}
    lean = asyncio.run(page.postprocess_data(run, dict(updates), LeanSession(page)))
    plain = asyncio.run(gr.Blocks.postprocess_data(page, run, dict(updates), LeanSession(page)))
    for output, ours, theirs in zip(run.outputs, lean, plain, strict=True):
        if output in updates or output.stateful:
            assert ours == theirs
        else:
            assert ours == gr.skip()
            assert theirs.get("value", "left alone") == "left alone"


def test_an_update_of_what_is_no_output_is_refused_as_ever(page: LeanPage) -> None:
    run = next(fn for fn in page.fns.values() if fn.api_name == "run")
    with pytest.raises(ValueError, match="not specified as output"):
        asyncio.run(page.postprocess_data(run, {gr.Textbox(render=False): "x"}, LeanSession(page)))


def test_each_visitor_has_states_of_their_own(page: LeanPage) -> None:
    one, other = LeanSession(page), LeanSession(page)
    state = next(number for number, block in page.blocks.items() if isinstance(block, gr.State))
    one[state] = "mine"
    assert one[state] == "mine"
    assert other[state] != "mine"
    assert [value for _, value, _ in one.state_components] == ["mine"]


def test_the_page_looks_to_the_browser_like_any_other(page: LeanPage, tmp_path: Path) -> None:
    assert page.get_block_name() == "blocks"
