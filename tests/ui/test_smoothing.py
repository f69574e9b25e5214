"""A model's smoother text is a proposal: shown with its changes marked, taken only by the person."""

from __future__ import annotations

import asyncio

import gradio as gr
import pytest

from data_gen.chat import ChatModel
from data_gen.errors import BadRequest, ChatError
from janus_space.comparison import MAX_TEXT
from janus_space.ui.composition import Composition
from janus_space.ui.smoothing import Smoothing, build_proposal, request
from tests.janus_space.chat_doubles import Scripted, answering, hanging

TEXT = "You are a guide, and you are kind."


def smoothing(model: ChatModel) -> Smoothing:
    with gr.Blocks():
        view = build_proposal(gr.Button(), gr.Button())
    return Smoothing(view, lambda spec, visitor: model)


def asked(model: ChatModel, composition: Composition, text: str = TEXT) -> dict:
    """Ask to the end; return all updates, later ones over earlier ones, by the field's name in the view."""

    async def ask() -> dict:
        subject = smoothing(model)
        merged: dict = {}
        async for updates in subject.ask(composition, text, "echo:", "somebody"):
            merged |= updates
        return {name: merged.get(part) for name, part in zip(subject.view._fields, subject.view, strict=True)}

    return asyncio.run(ask())


def test_the_proposal_is_shown_with_its_changes_marked_and_changes_nothing_yet() -> None:
    composition = Composition()
    shown = asked(answering("Sure! Here is the rewritten text:\n\n", "You are a kind", " <b>guide</b>."), composition)
    assert composition.proposal == "You are a kind <b>guide</b>."
    assert composition.text == TEXT
    assert "You are a kind <mark>&lt;b&gt;guide&lt;/b&gt;.</mark>" in shown["proposal"]
    assert shown["panel"]["visible"] is True
    assert shown["ask"]["interactive"] is True
    assert "finished" in shown["status"]


def test_a_model_that_changes_nothing_makes_no_proposal() -> None:
    composition = Composition()
    shown = asked(answering(f'"{TEXT}"'), composition)
    assert "would not change a word" in shown["status"]
    assert shown["panel"]["visible"] is False


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (answering("Sure! Here is the rewritten system message:"), "no message back"),
        (Scripted(ChatError("the endpoint <said> no")), "the endpoint &lt;said&gt; no"),
    ],
)
def test_what_went_wrong_is_said_and_the_button_is_back(model: ChatModel, told: str) -> None:
    shown = asked(model, Composition())
    assert told in shown["status"]
    assert shown["ask"]["interactive"] is True
    assert shown["panel"]["visible"] is False


def test_a_stop_ends_it() -> None:
    async def run() -> str:
        subject = smoothing(hanging("You"))
        composition = Composition()
        said = ""
        async for updates in subject.ask(composition, TEXT, "echo:", ""):
            said = updates.get(subject.view.status, said)
            subject.stop(composition)
        assert len(subject.runs) == 0
        return said

    assert "stopped by you" in asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize(
    ("text", "spec", "told"),
    [
        (" ", "echo:", "nothing to rewrite"),
        (TEXT, " ", "Choose the model"),
        (TEXT, "x" * 501, "Choose the model"),
        ("x" * MAX_TEXT, "echo:", "too long to be rewritten"),
    ],
)
def test_what_cannot_be_asked_is_refused(text: str, spec: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        request(text, spec)
