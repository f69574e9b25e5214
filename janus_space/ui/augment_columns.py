"""Which column of the instructions holds what, as fields: the guess is preselected, and a person has the last word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from data_gen.instructions import Columns
from janus_space.ui.augment_input import columns_of

LABELS = {
    "prompt_column": "Column that holds the instructions",
    "more_column": "Text put after each",
    "main_source_column": "Dataset it is from",
    "original_source_column": "Part or task of it",
    "id_column": "Id",
}
NO_COLUMN = ("No column", "")


class ColumnsView(NamedTuple):
    """The components; they are shown where there are columns."""

    panel: gr.Column
    fields: list[gr.Dropdown]
    """In the order of `Columns`."""


def build_columns() -> ColumnsView:
    """Lay out the fields."""
    first, *others = LABELS
    with gr.Column(visible=False, elem_id="augment-columns") as panel:
        fields = [_field(first)]
        with gr.Row(elem_classes="knobs"):
            fields += [_field(name, min_width=140) for name in others]
    return ColumnsView(panel, fields)


def _field(name: str, **options: Any) -> gr.Dropdown:
    elem_id = f"augment-{name.replace('_', '-')}"
    return gr.Dropdown([], value=None, label=LABELS[name], allow_custom_value=True, elem_id=elem_id, **options)


def columns_given(values: Sequence[str | None], *, is_file: bool) -> Columns:
    """Read the fields. Of a file the columns are known, so that an empty field means none; elsewhere, a guess."""
    prompt, *others = values
    named = [prompt or None, *(one if is_file else one or None for one in others)]
    return Columns(**dict(zip(LABELS, named, strict=True)))


async def columns_shown(view: ColumnsView, source: str, file: str | None) -> dict[Any, Any]:
    """Offer a file's columns with the guess; of a dataset on the Hub they are typed, since it is not read here."""
    if source != "file" or not file:
        typed = {field: gr.update(choices=[], value=None, info="Empty: guessed by its name") for field in view.fields}
        return {view.panel: gr.update(visible=source == "hub")} | typed
    found = await asyncio.to_thread(columns_of, Path(file))
    updates: dict[Any, Any] = {view.panel: gr.update(visible=True)}
    for (name, guess), field in zip(found.guess, view.fields, strict=True):
        nothing = [] if name == "prompt_column" else [NO_COLUMN]
        info = "Empty: none" if nothing else "Its text is what the teacher works on"
        updates[field] = gr.update(choices=[*nothing, *found.names], value=guess or None, info=info)
    return updates
