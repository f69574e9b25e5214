"""Less work for Gradio, and the same page: what is left out is what nobody reads."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlockFunction
from gradio_client.utils import apply_diff

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


def test_a_component_given_for_an_update_changes_the_settings_it_was_made_with(page: LeanPage) -> None:
    fn, drawn = next((fn, one) for fn in page.fns.values() for one in fn.outputs if type(one) is gr.HTML)
    (sent,) = (
        told
        for output, told in zip(
            fn.outputs, asyncio.run(_prepared(page, fn, {drawn: gr.HTML("said", padding=True)})), strict=True
        )
        if output is drawn
    )
    assert (sent["value"], sent["padding"]) == ("said", True)


async def _prepared(page: LeanPage, fn: BlockFunction, updates: dict[Any, Any]) -> list[Any]:
    return await page.postprocess_data(fn, updates, LeanSession(page))


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


def shown_by(page: gr.Blocks, n_steps: int) -> list[list[object]]:
    """Stream an event to a page as the queue does; give what its browser holds after each step."""
    event = page.fns[0]

    async def follow() -> list[list[object]]:
        held: list[list[object]] = []
        iterator = None
        for step in range(n_steps + 1):
            reply = await page.process_api(
                event, ["asked", "b"], LeanSession(page), None, iterator, session_hash="s", event_id="e"
            )
            iterator = reply["iterator"]
            assert reply["is_generating"] is (step < n_steps)
            is_whole = step in (0, n_steps)
            held.append(
                reply["data"]
                if is_whole
                else [apply_diff(old, edits) for old, edits in zip(deepcopy(held[-1]), reply["data"], strict=True)]
            )
        return held

    return asyncio.run(follow())


def stream_page(kind: type[gr.Blocks]) -> gr.Blocks:
    """Lay out a page whose one event changes texts, settings, choices and nothing at all."""
    with kind() as page:
        box, choice = gr.Textbox(), gr.Dropdown(["a", "b"])
        bot, line, button, state = gr.Chatbot(), gr.Markdown(), gr.Button("Go"), gr.State(0)

        async def answer(asked: str, chosen: str) -> AsyncIterator[dict[object, object]]:
            said = {"role": "user", "content": f"{asked} {chosen}"}
            yield {box: "", bot: gr.update(value=[said], visible=True, label="Talk"), button: gr.update(visible=False)}
            for text in ("One", "One <b>two", "One <b>two</b>"):
                yield {bot: gr.update(value=[said, {"role": "assistant", "content": text}])}
            yield {line: "waiting", choice: gr.update(choices=["b", "c"], value="c"), state: 1}
            yield {line: gr.update(value=None), button: gr.update(interactive=True, variant="stop")}

        button.click(answer, [box, choice], [box, choice, bot, line, button, state])
    return page


def test_a_stream_comes_to_the_browser_as_gradio_would_send_it() -> None:
    lean, plain = shown_by(stream_page(LeanPage), 6), shown_by(stream_page(gr.Blocks), 6)
    assert lean[1][2]["value"][1]["content"][0]["text"] == "One"
    assert lean == plain


def test_a_stream_changes_nothing_that_is_a_file(page: LeanPage) -> None:
    """The later steps of a stream move no files and give no addresses to them."""
    streams = [event for event in page.fns.values() if inspect.isasyncgenfunction(event.fn)]
    kinds = {type(output) for event in streams for output in event.outputs}
    assert len(streams) > 10
    assert not kinds & {gr.File, gr.DownloadButton, gr.Image, gr.Audio, gr.Video, gr.Gallery, gr.Plot, gr.UploadButton}


def test_what_a_visitor_sends_is_read_as_gradio_reads_it(page: LeanPage) -> None:
    run = next(fn for fn in page.fns.values() if fn.api_name == "run")
    sent = [getattr(block, "value", None) for block in run.inputs]
    sent[next(number for number, block in enumerate(run.inputs) if isinstance(block, gr.Textbox))] = 7
    lean = asyncio.run(page.preprocess_data(run, list(sent), LeanSession(page)))
    plain = asyncio.run(gr.Blocks.preprocess_data(page, run, list(sent), LeanSession(page)))
    assert "7" in lean
    assert lean == plain
    slider = next(number for number, block in enumerate(run.inputs) if isinstance(block, gr.Slider))
    with pytest.raises(gr.Error):
        asyncio.run(page.preprocess_data(run, [*sent[:slider], 10**9, *sent[slider + 1 :]], LeanSession(page)))
