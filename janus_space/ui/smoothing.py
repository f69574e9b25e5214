"""Let a model write the message more smoothly: it proposes a text, shown against the present one, to take or leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import gradio as gr

from data_gen.chat import ChatModel, Sampling
from data_gen.errors import BadRequest
from janus_space import playground
from janus_space.comparison import MAX_TEXT, Column, ColumnEvent, Comparison, Turn
from janus_space.compose import read_rewrite, rewrite_prompt
from janus_space.diff import words_unlike
from janus_space.playground import Runs
from janus_space.ui import wording
from janus_space.ui.composition import Composition
from janus_space.ui.form import MAX_SPEC
from janus_space.ui.keyed import live_status

SAMPLING = Sampling(temperature=0.4, max_new_tokens=700)
Updates = dict[Any, Any]
ModelFor = Callable[[str, str], ChatModel]
"""A model's spec and a visitor → the model, with the keys that the visitor lent."""


class SmoothingView(NamedTuple):
    """The button, and the proposal it brings."""

    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    panel: gr.Column
    proposal: gr.HTML
    take: gr.Button
    leave: gr.Button


def build_proposal(ask: gr.Button, stop: gr.Button) -> SmoothingView:
    """Lay out where the proposal is shown; nothing of it is there before a model was asked."""
    status = live_status()
    with gr.Column(visible=False, elem_id="proposal") as panel:
        gr.HTML("<h3>Smoother, perhaps</h3><p class='hint'>Marked words are not in the present text.</p>")
        proposal = gr.HTML(elem_classes="marked-text")
        with gr.Row(elem_classes="button-row"):
            take = gr.Button("Take this text", size="sm", variant="primary")
            leave = gr.Button("Keep mine", size="sm", elem_classes="quiet")
    return SmoothingView(ask, stop, status, panel, proposal, take, leave)


class Smoothing:
    """The listeners of the proposal."""

    def __init__(self, view: SmoothingView, model_for: ModelFor) -> None:
        self.view = view
        self.model_for = model_for
        self.runs = Runs()

    @property
    def outputs(self) -> list[Any]:
        return list(self.view)

    async def ask(
        self, composition: Composition, text: str | None, spec: str | None, visitor: str
    ) -> AsyncIterator[Updates]:
        """Ask the chosen model for a smoother text and show how it comes along."""
        view = self.view
        composition.see(text)
        comparison = request(composition.text, spec or "")
        last = ColumnEvent(column=0, state="waiting")
        with self.runs.under_way() as run:
            composition.run_id = run.id
            yield {view.ask: _busy(True), view.stop: gr.update(visible=True), view.panel: gr.update(visible=False)}
            events = playground.compare(comparison, lambda column: self.model_for(column.model, visitor), run)
            async with aclosing(playground.paced(events, self.runs.updates_per_second)) as batches:
                async for batch in batches:
                    last = batch[0]
                    yield {view.status: progress(last)}
        yield self._finished(composition, last)

    def stop(self, composition: Composition) -> None:
        """Give the rewriting up."""
        if run := self.runs.get(composition.run_id):
            run.stop()

    def closed(self) -> Updates:
        """Put the proposal away."""
        return {self.view.panel: gr.update(visible=False), self.view.status: ""}

    def _finished(self, composition: Composition, last: ColumnEvent) -> Updates:
        view = self.view
        updates: Updates = {view.ask: _busy(False), view.stop: gr.update(visible=False), view.status: progress(last)}
        if last.state != "done":
            return updates
        try:
            composition.proposal = read_rewrite(last.text)
        except BadRequest as error:
            return updates | {view.status: wording.note(str(error))}
        pieces = words_unlike(composition.text, composition.proposal)
        if not any(piece.is_different for piece in pieces):
            return updates | {view.status: wording.note("The model would not change a word.")}
        return updates | {view.panel: gr.update(visible=True), view.proposal: wording.marked(pieces)}


def request(text: str, spec: str) -> Comparison:
    """Put the wish for a smoother text as a question to one model, without a system message."""
    if not 0 < len(spec.strip()) <= MAX_SPEC:
        raise BadRequest("Choose the model that is to write it more smoothly first.")
    (message,) = rewrite_prompt(text).messages
    if len(message.content) > MAX_TEXT:
        raise BadRequest("The message is too long to be rewritten in one go: shorten it first.")
    column = Column(model=spec.strip(), system=None)
    return Comparison(columns=(column,), turns=(Turn(prompt=message.content),), sampling=SAMPLING)


def progress(event: ColumnEvent) -> str:
    """Say in one line how far the model has come."""
    if event.state == "streaming":
        return wording.note(f"writing… {len(event.text.split())} words so far")
    return wording.status(event)


def _busy(is_busy: bool) -> Any:
    return gr.update(interactive=not is_busy)
