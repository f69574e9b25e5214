"""What a page opens with: a shared comparison, else the visitor's own draft, else the defaults."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from data_gen.errors import BadRequest
from janus_space.errors import BadLink
from janus_space.share import from_code
from janus_space.ui.answers import Answers
from janus_space.ui.board import Board
from janus_space.ui.events import listen
from janus_space.ui.form import FIELD_NAMES, Form
from janus_space.ui.house import House
from janus_space.ui.models_panel import ModelsView, device_choices
from janus_space.ui.settings import SettingsView

DRAFT_KEY = "janus-draft-v1"
# Gradio encrypts what it keeps in the browser. A draft is no secret, and with a secret of each process's own it
# could not be read after a restart.
DRAFT_SECRET = "janus-drafts-hold-no-secrets"

SAVE_DRAFT_JS = "(draft, prompt, ...others) => [[prompt || draft?.[0] || '', ...others]]"
"""Runs in the browser alone: what is typed is not sent anywhere before Run. Run empties the box; the draft keeps it."""


def wire_opening(page: gr.Blocks, house: House, answers: Answers, settings: SettingsView, models: ModelsView) -> None:
    """Fill the page in when it opens, and keep the draft while it is written."""
    draft = gr.BrowserState(storage_key=DRAFT_KEY, secret=DRAFT_SECRET)

    async def open_page(kept_draft: Any, request: gr.Request) -> dict[Any, Any]:
        machine = await asyncio.to_thread(house.look)
        form, board, complaint = opened(dict(request.query_params), kept_draft)
        if complaint:
            gr.Warning(escape(complaint))
        updates = answers.show_board(board)
        updates |= models.refreshed(machine, lambda spec: house.has_key(spec, {}), house.trained, house.models.held)
        devices = device_choices(machine.gpus)
        updates[settings.device] = gr.update(choices=devices)
        if form and form.device not in dict(devices).values():
            form = form.model_copy(update={"device": "auto"})  # drafted when another GPU was attached
        for field, value in zip(answers.fields, form.values() if form else (), strict=False):
            updates[field] = updates.get(field, gr.update()) | {"value": value}
        return updates

    outputs = [*answers.outputs, models.strip, models.table]
    listen(page.load, "open_page", open_page, [draft], outputs)
    changes = [field.change for field in answers.fields]
    listen(changes, "save_draft", None, [draft, *answers.fields], [draft], js=SAVE_DRAFT_JS)


def opened(query: Mapping[str, str], draft: Any) -> tuple[Form | None, Board, str | None]:
    """Choose what to show: the form (None: leave the defaults), the board, and what was wrong with the link."""
    complaint = None
    if code := query.get("c"):
        try:
            comparison = from_code(code)
        except BadLink as error:
            complaint = str(error)
        else:
            return Form.of_comparison(comparison), Board.before_last_turn(comparison), None
    return drafted(draft), Board(), complaint


def drafted(draft: Any) -> Form | None:
    """Read a draft from the browser; one that does not fit, say of an older version, is no draft."""
    if not isinstance(draft, list) or len(draft) != len(FIELD_NAMES):
        return None
    try:
        return Form.of_values(draft)
    except BadRequest:
        return None
