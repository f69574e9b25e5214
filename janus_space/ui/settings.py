"""The settings drawer: a field for every knob of `Sampling`, where local models run, and keys for remote endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import gradio as gr
from pydantic.fields import FieldInfo

from data_gen.chat import Sampling
from janus_space.devices import Gpu
from janus_space.ui import wording
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.models_panel import ModelsView, device_choices
from janus_space.ui.visitor_keys import VisitorKeys, new_visitor

LABELS = {
    "temperature": "Temperature",
    "top_p": "Top p",
    "repetition_penalty": "Repetition penalty",
    "max_new_tokens": "Longest answer",
    "seed": "Seed",
    "stop": "Stop before",
}


class SettingsView(NamedTuple):
    """The components of the drawer."""

    sampling: list[Any]
    """In the order of `form.SAMPLING_FIELDS`."""
    device: gr.Dropdown
    key_endpoint: gr.Textbox
    key: gr.Textbox
    keep_key: gr.Button
    key_note: gr.HTML


def build_settings(gpus: Iterable[Gpu]) -> SettingsView:
    """Lay out the drawer, closed."""
    with gr.Accordion("Settings", open=False, elem_classes="drawer"):
        with gr.Row(elem_classes="settings-grid"):
            sampling = [_sampling_field(name, field) for name, field in Sampling.model_fields.items()]
            device = gr.Dropdown(
                device_choices(gpus),
                value="auto",
                label="Device",
                info="Where models on this machine run",
                min_width=240,
            )
        gr.HTML("<h3>Key for a remote endpoint</h3>")
        with gr.Row(elem_classes="key-row"):
            key_endpoint = gr.Textbox(
                "https://api.openai.com/v1",
                label="Endpoint",
                info="The key is sent to this address only",
                min_width=240,
            )
            key = gr.Textbox(
                label="API key",
                info="Kept in the server’s memory for this visit; never saved",
                type="password",
                min_width=240,
            )
            keep_key = gr.Button("Use this key", size="sm", elem_classes="quiet", min_width=120, scale=0)
        key_note = gr.HTML(elem_classes="status")
    return SettingsView(sampling, device, key_endpoint, key, keep_key, key_note)


def wire_key(view: SettingsView, house: House, visitor: gr.State, keys: VisitorKeys, models: ModelsView) -> None:
    """Let the visitor lend a key: it goes into memory, and its box is cleared at once."""

    def keep_key(visitor_id: str, endpoint: str, key: str) -> dict[Any, Any]:
        mine = visitor_id or new_visitor()
        address = keys.keep(mine, endpoint, key.strip())
        note = (
            f"The key for {address} is set for this visit." if key.strip() else f"The key for {address} is forgotten."
        )
        kept = {visitor: mine, view.key: "", view.key_note: wording.note(note)}
        refreshed = models.refreshed(
            house.look(), lambda spec: house.has_key(spec, keys.of(mine)), house.trained, house.models.held
        )
        return kept | refreshed

    outputs = [visitor, view.key, view.key_note, models.strip, models.table, *models.dropdowns]
    listen(view.keep_key.click, "keep_key", keep_key, [visitor, view.key_endpoint, view.key], outputs)


def _sampling_field(name: str, field: FieldInfo) -> Any:
    """Make the component for one knob out of its range, default and description: they have no other home."""
    low, high, is_open = _range(field)
    common = {"label": LABELS[name], "info": field.description, "min_width": 240}
    if name == "stop":
        return gr.Textbox("", lines=1, max_lines=4, placeholder="one text a line", **common)
    if field.default is None:
        return gr.Textbox("", lines=1, max_lines=1, **common)  # Gradio's number makes 0 of what is left empty
    if isinstance(field.default, int):
        return gr.Slider(low, high, value=field.default, step=1, **common)
    step = 0.05 if high - low > 1 or is_open else 0.01
    return gr.Slider(low + step if is_open else low, high, value=field.default, step=step, **common)


def _range(field: FieldInfo) -> tuple[float, float, bool]:
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(item, name) for item in field.metadata for name in names if hasattr(item, name)}
    return bounds.get("ge", bounds.get("gt", 0)), bounds.get("le", bounds.get("lt", 0)), "gt" in bounds
