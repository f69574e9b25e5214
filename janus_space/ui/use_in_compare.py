"""Put a composed message into columns of the Compare tab."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from data_gen.errors import BadRequest
from janus_space.access import COLUMN_LETTERS
from janus_space.comparison import MAX_TEXT
from janus_space.ui import wording
from janus_space.ui.events import listen
from janus_space.ui.form import ROOM, Form
from janus_space.ui.keyed import live_status

OPEN_COMPARE_JS = "() => document.getElementById('compare-tab-button').click()"


class UseView(NamedTuple):
    """The row of buttons, and the line that says what they did."""

    columns: list[gr.Button]
    everywhere: gr.Button
    go: gr.Button
    status: gr.HTML


def build_use() -> UseView:
    """Lay out the row."""
    with gr.Row(elem_classes=["button-row", "use"]):
        gr.HTML("<h3 id='use-in'>Use in Compare</h3>")
        columns = [
            gr.Button(letter.upper(), size="sm", elem_classes=["quiet", f"column-{letter}"], elem_id=f"use-{letter}")
            for letter in COLUMN_LETTERS
        ]
        everywhere = gr.Button("All columns", size="sm", elem_classes="quiet")
        go = gr.Button("Open Compare", size="sm", visible=False, elem_classes=["quiet", "go"])
    return UseView(columns, everywhere, go, live_status())


def wire_use(view: UseView, message: gr.Textbox, fields: Sequence[Any]) -> None:
    """Register the row's listeners; `fields` are those of the Compare tab."""
    inputs, outputs = [message, *fields], [view.status, view.go, *fields]

    def use(columns: Sequence[int], text: str | None, *values: Any) -> dict[Any, Any]:
        before = Form.of_values(values)
        after = put(before, text or "", columns)
        pairs = zip(fields, before.values(), after.values(), strict=True)
        changed: dict[Any, Any] = {field: new for field, old, new in pairs if old != new}
        return changed | {view.status: wording.note(told(columns)), view.go: gr.update(visible=True)}

    for column, (letter, button) in enumerate(zip(COLUMN_LETTERS, view.columns, strict=True)):
        listen(button.click, f"compose_use_{letter}", partial(use, [column]), inputs, outputs)
    listen(view.everywhere.click, "compose_use_all", partial(use, range(ROOM)), inputs, outputs)
    listen(view.go.click, "compose_go", None, js=OPEN_COMPARE_JS)


def put(form: Form, text: str, columns: Sequence[int]) -> Form:
    """Give these columns the message, whatever the axis is: one that shares its message with others gets its own."""
    if not text.strip():
        raise BadRequest("There is no message yet: pick a preference or write a sentence first.")
    if len(text) > MAX_TEXT:
        raise BadRequest(f"The message is longer than {MAX_TEXT:,} characters: shorten it first.")
    message = {"system": text, "sends_none": False}
    own = list(form.columns)
    is_everywhere = len(columns) == ROOM
    for column in columns:
        is_own = own[column].is_override or (form.axis == "models" and not is_everywhere)
        own[column] = own[column].model_copy(update={**message, "is_override": is_own})
    if is_everywhere:
        return form.model_copy(update={"columns": tuple(own), **message})
    return form.model_copy(update={"columns": tuple(own), "count": max(form.count, *(one + 1 for one in columns))})


def told(columns: Sequence[int]) -> str:
    """Say where the message went."""
    if len(columns) == ROOM:
        return "All columns have this message now."
    letters = " and ".join(COLUMN_LETTERS[column].upper() for column in columns)
    return f"Column {letters} has this message now."
