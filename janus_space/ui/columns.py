"""The columns: in each, its own fields on top, the conversation below, and how it went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from janus_space.diff import words_unlike
from janus_space.ui import influence, vote_wording, wording
from janus_space.ui.board import Board
from janus_space.ui.form import COLUMN_LETTERS, ColumnForm
from janus_space.ui.influence import InfluenceView, build_influence

BEHAVE_LABEL = "How should the assistant behave?"
BEHAVE_INFO = "the *system message*"
NO_SYSTEM_LABEL = "Send no system message"
HIDE = gr.update(visible=False)


class ColumnView(NamedTuple):
    """The components of one column."""

    fields: tuple[Any, ...]
    """In the order of `form.COLUMN_FIELDS`."""
    head: gr.HTML
    transcript: gr.Chatbot
    status: gr.HTML
    stop: gr.Button
    retry: gr.Button
    sent: gr.Accordion
    sent_text: gr.HTML
    influence: InfluenceView


def build_columns(choices: Sequence[tuple[str, str]], start: Sequence[ColumnForm]) -> list[ColumnView]:
    """Lay out all columns; the stylesheet shows as many as the visitor wants."""
    with gr.Row(elem_id="columns", equal_height=False):
        return [_build_column(letter, choices, form) for letter, form in zip(COLUMN_LETTERS, start, strict=True)]


def _build_column(letter: str, choices: Sequence[tuple[str, str]], start: ColumnForm) -> ColumnView:
    with gr.Column(elem_classes=["answer-column", f"column-{letter.lower()}"], min_width=280):
        with gr.Row(elem_classes="column-head"):
            head = gr.HTML(vote_wording.heading(Board(), COLUMN_LETTERS.index(letter)))
            is_override = gr.Checkbox(start.is_override, label="Override", container=False, elem_classes="override")
        with gr.Column(elem_classes="own-model"):
            model = model_dropdown(choices, start.model)
        with gr.Column(elem_classes="own-system"):
            system, sends_none = build_system_fields(start.system, sends_none=start.sends_none)
        transcript = gr.Chatbot(
            label=f"Conversation {letter}",
            show_label=False,
            container=False,
            layout="panel",
            height=None,
            autoscroll=False,
            buttons=["copy"],
            feedback_options=None,
            sanitize_html=True,
            allow_tags=False,
            allow_file_downloads=False,
            latex_delimiters=[],
            visible=False,
            elem_classes="transcript",
        )
        with gr.Row(elem_classes="column-foot"):
            status = gr.HTML(elem_classes="status")
            stop = gr.Button("Stop", size="sm", visible=False, elem_classes="quiet")
            retry = gr.Button("Retry", size="sm", visible=False, elem_classes="quiet")
        influence_view = build_influence(letter)
        with gr.Accordion("What was sent", open=False, visible=False, elem_classes="sent") as sent:
            sent_text = gr.HTML()
    fields = (model, system, sends_none, is_override)
    return ColumnView(fields, head, transcript, status, stop, retry, sent, sent_text, influence_view)


def build_system_fields(system: str, *, sends_none: bool) -> tuple[gr.Textbox, gr.Checkbox]:
    """Ask for a system message in words, with the choice to send none."""
    text = gr.Textbox(
        system,
        label=BEHAVE_LABEL,
        info=BEHAVE_INFO,
        lines=2,
        max_lines=10,
        autoscroll=False,
        placeholder="You are …",
        elem_classes="behave",
    )
    return text, gr.Checkbox(sends_none, label=NO_SYSTEM_LABEL, container=False, elem_classes="no-system")


def model_dropdown(choices: Sequence[tuple[str, str]], value: str, **options: Any) -> gr.Dropdown:
    """Offer the known models, and whatever other spec the visitor types."""
    return gr.Dropdown(list(choices), value=value, label="Model", allow_custom_value=True, **options)


def show(views: Sequence[ColumnView], board: Board, columns: Iterable[int], baseline: int = -1) -> dict[Any, Any]:
    """Bring these columns up to what the board holds."""
    updates: dict[Any, Any] = {}
    for column in columns:
        view, event = views[column], board.events.get(column)
        updates[view.head] = vote_wording.heading(board, column)
        updates[view.transcript] = show_text(board, column, baseline)
        updates |= influence.shown(view.influence, board, column)
        if board.is_blind:
            updates |= {view.stop: HIDE, view.retry: HIDE, view.sent: HIDE, view.sent_text: ""}
            updates[view.status] = vote_wording.blind_status(event, board.is_busy) if event else ""
            continue
        updates[view.status] = wording.status(event) if event else ""
        updates[view.stop] = gr.update(visible=event is not None and not event.is_final)
        updates[view.retry] = gr.update(visible=event is not None and event.is_final and column in board.run_ids)
        sent = event.completion.sent if event and event.completion else None
        updates[view.sent] = gr.update(visible=sent is not None)
        updates[view.sent_text] = wording.sent(sent) if sent else ""
    return updates


def show_text(board: Board, column: int, baseline: int = -1) -> Any:
    """Give a column's conversation; with a baseline, its last answer has the words marked that the baseline lacks."""
    if board.comparison is None or column >= len(board.comparison.columns):
        return gr.update(value=[], visible=False)
    messages: list[dict[str, str]] = []
    for turn in board.comparison.turns[:-1]:
        messages.append({"role": "user", "content": turn.prompt})
        if column < len(turn.answers) and (answer := turn.answers[column]) is not None:
            messages.append({"role": "assistant", "content": answer})
    messages.append({"role": "user", "content": board.comparison.turns[-1].prompt})
    event, base = board.events.get(column), board.events.get(baseline)
    if event is not None and (text := event.text[: board.reach]):
        is_compared = base is not None and column != baseline and not board.is_busy and not board.is_blind
        text = wording.marked(words_unlike(base.text, event.text)) if base and is_compared else text
        messages.append({"role": "assistant", "content": text})
    label = f"Conversation {vote_wording.column_name(column, board.is_blind)}"
    return gr.update(value=messages, label=label, visible=True)
