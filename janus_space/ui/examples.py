"""What the page shows before anything was asked: one paragraph, and ready examples that run at one click."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import BaseModel, ConfigDict, TypeAdapter

from janus_space.ui.form import ColumnForm, Form

EXAMPLES_FILE = Path(__file__).parents[2] / "assets" / "examples.json"
WELCOME = """
<h2>Ask once, compare the answers</h2>
<p>A <em>system message</em> tells a language model how to behave: whom it speaks to, in which tone, at what length.
Give each column one of its own, or several models the same; ask your question below, and read what differs. Or begin
with one of these:</p>
"""


class Example(BaseModel):
    """A question under several system messages, or one message sent to several models; None sends none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    blurb: str
    prompt: str
    systems: tuple[str | None, ...]
    models: tuple[str, ...] = ()
    """Given, they get a column each, and all of them the first message."""

    def fill(self, form: Form) -> Form:
        """Put the example into the form, keeping the visitor's settings and whatever model it does not name."""
        if self.models:
            return form.model_copy(update=self._models(form))
        own = [
            ColumnForm(model=column.model, system=text or "", sends_none=text is None)
            for text, column in zip(self.systems, form.columns, strict=False)
        ]
        rest = [ColumnForm(model=column.model) for column in form.columns[len(own) :]]
        return form.model_copy(
            update={"prompt": self.prompt, "axis": "systems", "count": len(own), "columns": (*own, *rest)}
        )

    def _models(self, form: Form) -> dict[str, Any]:
        own = [ColumnForm(model=model) for model in self.models]
        shared = {"system": self.systems[0] or "", "sends_none": self.systems[0] is None}
        columns = (*own, *form.columns[len(own) :])
        return {"prompt": self.prompt, "axis": "models", "count": len(own), "columns": columns, **shared}


@cache
def examples() -> tuple[Example, ...]:
    """Read the ready examples of the assets."""
    return TypeAdapter(tuple[Example, ...]).validate_json(EXAMPLES_FILE.read_bytes())


def opening(model: str) -> Example:
    """Choose what the page begins with: for a model that an example names, the one that shows it beside another."""
    return next((example for example in examples() if model in example.models), examples()[0])


def build_examples() -> tuple[gr.Column, list[gr.Button]]:
    """Lay out the paragraph and one card an example."""
    with gr.Column(elem_id="welcome") as welcome:
        gr.HTML(WELCOME)
        with gr.Row(elem_id="examples"):
            cards = [
                gr.Button(f"{example.title}\n{example.blurb}", elem_classes="card", min_width=200)
                for example in examples()
            ]
    return welcome, cards
