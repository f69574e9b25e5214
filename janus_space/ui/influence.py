"""Under each answer: where the system message speaks in it, as a whole and by each of its preferences or sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.errors import BadRequest, DataGenError
from data_gen.hierarchy import Hierarchy
from data_gen.system_message import recover
from janus_space.access import COLUMN_LETTERS
from janus_space.errors import SpaceError
from janus_space.explain import Influence, influence
from janus_space.message_parts import MAX_PARTS, Part, by_sentence, by_span
from janus_space.models import Models
from janus_space.playground import Runs
from janus_space.scorer import Scorer
from janus_space.ui import influence_wording, wording
from janus_space.ui.board import Board
from janus_space.ui.events import listen
from janus_space.ui.explained import Asked
from janus_space.ui.keyed import live_status
from janus_space.ui.theme import ASSETS
from trainer.errors import TrainerError

ASK = "Where does the system message speak?"
MUTE = "This model does not tell how likely it finds a word, so where the system message speaks cannot be shown."
SCRIPT_FILE = ASSETS / "influence.js"
TEMPLATE = """
<div class="explained" hidden>
  <div class="parts" role="radiogroup" aria-label="Which part of the system message"></div>
  <p class="said" aria-live="polite"></p>
  <p class="influenced"></p>
  <p class="hint token-said" aria-hidden="true"></p>
  <div class="legend"></div>
  <h3>Strongest phrases</h3>
  <ol class="phrases"></ol>
</div>
"""

# A composed message says each preference in a phrase of at least so many words; shorter ones may stand in any message.
_PHRASE_WORDS = 6
_AT_ONCE = 64
_LOCAL = ("embedded", "hf", "path", "job")
_HIDE = gr.update(visible=False)
Updates = dict[Any, Any]


class InfluenceView(NamedTuple):
    """The components under one answer."""

    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    picture: gr.HTML


def build_influence(letter: str) -> InfluenceView:
    """Lay out the button, and below it the place for what it brings."""
    with gr.Row(elem_classes=["button-row", "ask-influence"]):
        ask = gr.Button(ASK, size="sm", visible=False, elem_classes="quiet")
        stop = gr.Button("Stop explaining", size="sm", visible=False, elem_classes="quiet")
        status = live_status()
    picture = gr.HTML(
        {},
        html_template=TEMPLATE,
        js_on_load=SCRIPT_FILE.read_text(encoding="utf-8"),
        apply_default_css=False,
        letter=letter,
        steps=list(influence_wording.STEPS),
        elem_classes="influence",
    )
    return InfluenceView(ask, stop, status, picture)


def shown(view: InfluenceView, board: Board, column: int) -> Updates:
    """Offer an explanation of a column's answer, or show the one there is; nothing while the columns are blind."""
    asked = None if board.is_blind else asked_of(board, column)
    if asked is None:
        return {view.ask: _HIDE, view.stop: _HIDE, view.status: "", view.picture: {}}
    found = board.explanations.of(column, asked)
    is_busy = column in board.explanations.run_ids
    is_mute = asked.model.partition(":")[0] not in _LOCAL
    has_message = asked.conversation.system is not None
    updates: Updates = {
        view.ask: gr.update(visible=has_message and not (is_mute or is_busy or found)),
        view.stop: gr.update(visible=is_busy),
        view.picture: influence_wording.drawn(found) if found else {},
    }
    return (
        updates
        if is_busy
        else updates | {view.status: f"<p class='hint'>{MUTE}</p>" if is_mute and has_message else ""}
    )


def asked_of(board: Board, column: int) -> Asked | None:
    """Name the answer that a column has given, and what it came from; None while there is none."""
    comparison, event = board.comparison, board.events.get(column)
    if comparison is None or event is None or event.state not in ("done", "stopped") or not event.text.strip():
        return None
    if column not in board.run_ids or column >= len(comparison.columns):
        return None  # an answer of an older turn, brought back
    asked = comparison.columns[column]
    return Asked(asked.model, asked.device, comparison.conversation(column), event.text)


def parts_of(system: str, hierarchy: Hierarchy) -> list[Part]:
    """Divide a message into the preferences it was composed from or, where it was written by hand, its sentences."""
    leaves = hierarchy.leaves
    spans = [span for span in recover(system, list(leaves.values())) if _is_known(system[span.start : span.end])]
    if spans:
        named = [(leaves[span.preference_id].preference, span.start, span.end) for span in spans]
        return by_span(system, named)[:MAX_PARTS]
    return [part._replace(name=part.text) for part in by_sentence(system)]


class Explaining:
    """The listeners of the buttons."""

    def __init__(self, models: Models, hierarchy: Hierarchy, views: Sequence[InfluenceView]) -> None:
        self.models = models
        self.hierarchy = hierarchy
        self.views = views
        self.runs = Runs()

    async def explain(self, column: int, board: Board) -> AsyncIterator[Updates]:
        """Score the answer with the message, without it and without each part, and show what came of it."""
        board.must_not_be_blind()
        view, asked = self.views[column], asked_of(board, column)
        if asked is None:
            raise BadRequest("There is no finished answer here to explain: ask something first.")
        scorer = Scorer.of(self.models, asked.model, asked.device)
        parts = parts_of(asked.conversation.system or "", self.hierarchy)
        under_way, notes = board.explanations, asyncio.Queue[str | None]()
        work = asyncio.create_task(influence(scorer, asked.conversation, asked.answer, parts, notes.put_nowait))
        work.add_done_callback(lambda _: notes.put_nowait(None))
        wake = partial(asyncio.get_running_loop().call_soon_threadsafe, work.cancel)
        try:
            with self.runs.under_way() as run, run.waking(column, wake):
                under_way.run_ids[column] = run.id
                reading = f"reading the answer {len(parts) + 2} times, each with another part of the message left out…"
                yield shown(view, board, column) | {view.status: wording.working(reading)}
                while (reason := await notes.get()) is not None:
                    yield {view.status: wording.working(reason)}
        finally:
            under_way.run_ids.pop(column, None)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        complaint = _outcome(work, lambda found: under_way.found.update({column: (asked, found)}))
        yield shown(view, board, column) | ({view.status: complaint} if complaint else {})

    def stop(self, column: int, board: Board) -> None:
        """Give the explanation up."""
        if run := self.runs.get(board.explanations.run_ids.get(column, "")):
            run.stop(column)


def wire_influence(models: Models, hierarchy: Hierarchy, board: gr.State, views: Sequence[InfluenceView]) -> None:
    """Register the listeners."""
    explaining = Explaining(models, hierarchy, views)
    for column, (letter, view) in enumerate(zip(COLUMN_LETTERS, views, strict=True)):
        explain, stop = partial(explaining.explain, column), partial(explaining.stop, column)
        listen(view.ask.click, f"influence_{letter.lower()}", explain, [board], list(view), at_once=_AT_ONCE)
        listen(view.stop.click, f"influence_stop_{letter.lower()}", stop, [board])


def _is_known(phrase: str) -> bool:
    return len(phrase.split()) >= _PHRASE_WORDS


def _outcome(work: asyncio.Task[Influence], keep: Callable[[Influence], None]) -> str:
    """Keep what was found, or say why nothing was."""
    if work.cancelled():
        return wording.note("stopped by you")
    failure = work.exception()
    if isinstance(failure, (DataGenError, TrainerError, SpaceError)):
        return wording.failed(str(failure))
    keep(work.result())
    return ""
