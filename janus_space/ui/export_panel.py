"""Take a comparison away: as a link, as Markdown, as JSON, or as the Python that asks it again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.errors import BadRequest
from janus_space.errors import BadLink
from janus_space.export import DEFAULT_ADDRESS, as_json, as_markdown, as_python
from janus_space.share import to_code
from janus_space.ui.board import Board
from janus_space.ui.events import listen
from janus_space.ui.form import Form

LABELS = {"markdown": "Markdown", "json": "JSON", "python": "Python"}
COPY_LINK_JS = """(code) => {
  const link = new URL(location.pathname, location.origin);
  link.searchParams.set("c", code);
  navigator.clipboard?.writeText(link.href).catch(() => {});
  return link.href;
}"""
"""The page knows its own address better than the server behind a proxy does."""


class ExportView(NamedTuple):
    """The components of the panel."""

    share: gr.Button
    link: gr.Textbox
    markdown: gr.Button
    json: gr.Button
    python: gr.Button
    code: gr.Code


def build_export() -> ExportView:
    """Lay out the panel, closed."""
    with gr.Accordion("Share and export", open=False, elem_classes="drawer"):
        with gr.Row(elem_classes="button-row"):
            share = gr.Button("Copy share link", size="sm", elem_classes="quiet")
            markdown, json, python = (gr.Button(label, size="sm", elem_classes="quiet") for label in LABELS.values())
        link = gr.Textbox(
            label="Share link",
            info="Copied. It holds the questions and instructions themselves; no server keeps them",
            interactive=True,  # so that it can be reached and selected by keyboard
            visible=False,
            max_lines=1,
        )
        code = gr.Code(
            elem_id="export", label="Export", interactive=False, visible=False, max_lines=24, wrap_lines=True
        )
    return ExportView(share, link, markdown, json, python, code)


def wire_export(view: ExportView, board: gr.State, fields: Sequence[Any]) -> None:
    """Register the panel's listeners."""
    shared = listen(view.share.click, "share", share, [board, *fields], [view.link])
    listen(shared.success, "copy_link", None, [view.link], [view.link], js=COPY_LINK_JS)
    for language, button in zip(LABELS, (view.markdown, view.json, view.python), strict=True):
        listen(button.click, f"export_{language}", partial(exported, language), [board], [view.code])


def share(board: Board, *values: Any) -> Any:
    """Pack what was asked last, or what is about to be asked; answers of earlier turns go along where they fit."""
    board.must_not_be_blind()
    comparison = board.comparison or Form.of_values(values).comparison()
    try:
        code = to_code(comparison, include_answers=len(comparison.turns) > 1)
    except BadLink:
        code = to_code(comparison)
    return gr.update(value=code, visible=True)


def exported(language: str, board: Board, request: gr.Request) -> Any:
    """Write out the comparison on the page."""
    board.must_not_be_blind()
    if board.comparison is None or not board.events:
        raise BadRequest("There is nothing to export yet: ask something first.")
    events = [board.events[column] for column in sorted(board.events)]
    if language == "python":
        text = as_python(board.comparison, request.headers.get("origin", DEFAULT_ADDRESS))
    else:
        text = (as_markdown if language == "markdown" else as_json)(board.comparison, events)
    return gr.update(value=text, language=language, label=LABELS[language], visible=True)
