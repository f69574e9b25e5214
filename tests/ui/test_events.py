"""Every event of the page: listed, named, and refused over HTTP to who may not trigger it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from janus_space import access
from janus_space.access import EVENTS, Role
from janus_space.door import Door, Space
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui import launch
from janus_space.ui.events import guarded, listen
from janus_space.ui.page import build
from janus_space.verbs import VERBS
from tests.callers import request_of

SPACE = Door(Space("someone/janus-space", frozenset({"someone-janus-space.hf.space"})))
ROUTES_FILE = Path(__file__).parent / "routes.txt"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gr.Blocks]:
    home = Home.at(tmp_path_factory.mktemp("home"))
    page = build(Models(home, EnginePool(home), hosted=True), start_model="echo:", door=SPACE)
    page.queue(**launch.QUEUE_SETTINGS)
    page.launch(**launch.launch_settings("127.0.0.1", launch.free_port("127.0.0.1", 0), home.folder, SPACE))
    yield page
    page.close(verbose=False)


def test_every_event_of_the_page_is_in_the_table_and_the_table_has_no_other(page: gr.Blocks) -> None:
    names = [dependency["api_name"] for dependency in page.config["dependencies"]]
    assert sorted(names) == sorted(EVENTS)


def test_only_the_verbs_are_public(page: gr.Blocks) -> None:
    public = {item["api_name"] for item in page.config["dependencies"] if item["api_visibility"] == "public"}
    assert public == VERBS.keys()


def test_every_event_has_a_limit_of_its_own(page: gr.Blocks) -> None:
    for fn in page.fns.values():
        assert fn.fn is None or isinstance(fn.concurrency_limit, int)


def test_what_changes_a_composition_is_served_in_the_order_in_which_it_was_asked_for(page: gr.Blocks) -> None:
    by_name = {str(fn.api_name): fn for fn in page.fns.values()}
    picking = [
        "pick",
        "allow_more",
        "surprise",
        "reword",
        "rebuild",
        "check",
        "take",
        "persona",
        "save_persona",
        "open",
    ]
    queues = {
        (by_name[f"compose_{name}"].concurrency_id, by_name[f"compose_{name}"].concurrency_limit) for name in picking
    }
    assert queues == {("composition", 1)}


def test_who_lacks_the_role_is_refused_over_http_at_every_event(
    page: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(EVENTS):
        monkeypatch.setitem(access.EVENTS, name, Role.OWNER)
    asked = [item for item in page.config["dependencies"] if item["backend_fn"]]
    assert len(asked) > 20
    for number, item in enumerate(asked):
        outcome = trigger(page, item, f"stranger{number}")
        assert outcome["success"] is False, item["api_name"]
        assert "not allowed" in outcome["output"]["error"], item["api_name"]


def test_strangers_may_look_around_a_hosted_space(page: gr.Blocks) -> None:
    opening = next(item for item in page.config["dependencies"] if item["api_name"] == "open_page")
    assert trigger(page, opening, "visitor")["success"] is True


def trigger(page: gr.Blocks, event: dict, session: str) -> dict:
    """Post an event as a script would, past every button, and wait for how it ends."""
    values = {
        # A digit is a question, a message and a seed alike.
        component["id"]: "7" if component["type"] == "textbox" else component["props"].get("value")
        for component in page.config["components"]
    }
    data = [values[component] for component in event["inputs"]]
    order = {"data": data, "fn_index": event["id"], "session_hash": session}
    request = urllib.request.Request(
        f"{page.local_url}gradio_api/queue/join",
        json.dumps(order).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).read()
    with urllib.request.urlopen(f"{page.local_url}gradio_api/queue/data?session_hash={session}", timeout=20) as stream:
        for line in stream:
            if line.startswith(b"data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                return message
    raise AssertionError("the event did not end")


def test_an_event_that_nobody_listed_cannot_be_registered() -> None:
    with gr.Blocks(), pytest.raises(LookupError, match="not_in_the_table"):
        listen(gr.Button().click, "not_in_the_table", lambda: None)


def test_our_errors_become_messages_with_their_markup_escaped() -> None:
    def refuse() -> None:
        raise BadRequest("the endpoint said <b>no</b>")

    with pytest.raises(gr.Error) as caught:
        asyncio.run(guarded(refuse, "stop")(request_of()))
    assert "&lt;b&gt;no&lt;/b&gt;" in caught.value.message


def test_a_bug_is_not_dressed_up_as_a_message() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(guarded(fail, "stop")(request_of()))


def test_gradio_has_no_route_that_was_not_looked_at(page: gr.Blocks) -> None:
    """After an upgrade of Gradio: look at what is new, let the guard refuse it if unused, then add it here."""
    assert set(paths(page.app.routes)) == set(ROUTES_FILE.read_text("utf-8").split())


def paths(routes: list) -> Iterator[str]:
    for route in routes:
        if hasattr(route, "path"):
            yield route.path.split("{")[0].rstrip("/") or "/"
        for inner in ("routes", "original_router"):
            if (nested := getattr(route, inner, None)) is not None:
                yield from paths(nested if isinstance(nested, list) else nested.routes)
