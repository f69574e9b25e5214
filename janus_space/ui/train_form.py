"""What a training run is to do, as fields: made of the config's own, so that form, file and checks are one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import gradio as gr
import yaml
from pydantic import BaseModel

from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.training import from_anywhere, known_datasets, resolved
from janus_space.ui import train_wording
from janus_space.ui.columns import model_dropdown
from janus_space.ui.fields import field_of
from janus_space.ui.house import House
from janus_space.ui.keyed import keyed_buttons, live_status
from janus_space.ui.models_panel import device_choices, model_choices
from trainer.config import Method, TrainConfig
from trainer.errors import BadConfig
from trainer.presets import PRESETS, preset_values

FILE_TYPES = [".jsonl", ".json", ".csv", ".tsv", ".parquet"]
START_PRESET = "embedded-sft"
FIRST = ("method", "model", "dataset")
KNOBS = (
    *("tuning", "r", "learning_rate", "max_steps", "num_train_epochs"),
    *("per_device_train_batch_size", "max_length", "device"),
)
_GROUPS: tuple[type[BaseModel], ...] = TrainConfig.__bases__
MORE_KNOBS = tuple(
    name
    for options in _GROUPS  # in the order of the file: data, weights, method, steps, speed, watch, launch
    for name in options.model_fields
    if name not in (*FIRST, *KNOBS, "machine_rank")
)
FIELDS = (*FIRST, *KNOBS, *MORE_KNOBS)
LABELS = {
    "tuning": "Which weights",
    "r": "Rank",
    "learning_rate": "Learning rate",
    "max_steps": "Steps",
    "num_train_epochs": "Epochs",
    "per_device_train_batch_size": "Batch size",
    "max_length": "Longest row, in tokens",
}


class TrainFormView(NamedTuple):
    """The components of the form."""

    upload: gr.File
    preset: gr.Dropdown
    name: gr.Textbox
    fields: list[Any]
    """In the order of `FIELDS`."""
    config: gr.HTML
    found: gr.HTML
    rows: gr.HTML
    xray: gr.Button
    start: gr.Button
    measure: gr.Button
    estimated: gr.HTML
    """What was measured, with buttons for what would fit."""
    taken: gr.State
    """The last estimate, and of which config."""

    @property
    def dataset(self) -> gr.Dropdown:
        return self.fields[FIELDS.index("dataset")]

    @property
    def model(self) -> gr.Dropdown:
        return self.fields[FIELDS.index("model")]

    @property
    def asked(self) -> list[Any]:
        """Return what `TrainForm.of_values` reads, in its order."""
        return [self.name, *self.fields]


@dataclass(frozen=True)
class TrainForm:
    """The form as it is filled in."""

    name: str
    values: dict[str, Any]

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> TrainForm:
        """Read the fields in the order of `TrainFormView.asked`."""
        name, *told = values
        read = {field: _read(field, value) for field, value in zip(FIELDS, told, strict=True)}
        return cls(name or "", {field: value for field, value in read.items() if value not in (None, "")})

    def with_some_dataset(self) -> TrainForm:
        """Name a dataset where none is chosen yet, so that the rest can be shown as a file."""
        return TrainForm(self.name, {"dataset": "DATASET", **self.values})

    def config(self, models: Models) -> TrainConfig:
        """Make the config; a model that was trained here becomes its base and adapter.

        Raises:
            BadConfig: something is missing, or does not fit
        """
        if not self.values.get("dataset"):
            raise BadConfig("Choose a dataset first, or bring a file.")
        return from_anywhere(TrainConfig.read(resolved(self.values, Jobs(models.home))))


def build_form(house: House) -> TrainFormView:
    """Lay out the form."""
    start = shown_values(START_PRESET)
    with gr.Column(elem_id="train-form"):
        gr.HTML("<h3>What it learns from</h3>")
        dataset = gr.Dropdown(
            dataset_choices(house),
            value=None,
            label="Dataset",
            info="One of this house, a full path, or hf:ORG/NAME",
            allow_custom_value=True,
            elem_id="train-dataset",
        )
        upload = gr.File(label="Or bring a file", file_types=FILE_TYPES, height=110)
        found = live_status(elem_id="train-found")
        gr.HTML("<h3>How it learns</h3>")
        with gr.Row(elem_classes="knobs"):
            preset = gr.Dropdown(
                list(PRESETS),
                value=START_PRESET,
                label="Preset",
                info="Fills in the fields below",
                elem_id="train-preset",
                min_width=150,
            )
            method = gr.Dropdown(
                list(get_args(Method)),
                value=start["method"],
                label="Method",
                info=TrainConfig.model_fields["method"].description,
                elem_id="train-method",
                min_width=150,
            )
        choices = [one for one in _choices(house) if one[1].partition(":")[0] not in ("echo", "openai")]
        model = model_dropdown(choices, start["model"], elem_id="train-model")
        with gr.Row(elem_classes="knobs"):
            knobs = [_knob(house, name, start) for name in KNOBS]
        with gr.Accordion("More", open=False, elem_classes="drawer"), gr.Row(elem_classes="knobs"):
            more = [_knob(house, name, start) for name in MORE_KNOBS]
        name = gr.Textbox(
            label="Name of the job", info="Letters, digits and dashes; empty takes the time", elem_id="train-name"
        )
        with gr.Row(elem_classes="button-row"):
            run = gr.Button("Start", variant="primary", elem_id="train-start", scale=0, min_width=110)
            measure = gr.Button("Estimate", elem_id="train-measure", scale=0, min_width=110)
            xray = gr.Button("Look at the rows first", elem_id="train-xray", scale=0, min_width=200)
        estimated = keyed_buttons("", elem_id="train-estimated", elem_classes="estimated")
        config = gr.HTML(train_wording.yaml_and_command("", ""), elem_id="train-config")
    rows = gr.HTML(elem_id="train-rows", render=False)
    fields = [method, model, dataset, *knobs, *more]
    buttons = (xray, run, measure)
    return TrainFormView(upload, preset, name, fields, config, found, rows, *buttons, estimated, gr.State(None))


def shown_values(preset: str) -> dict[str, Any]:
    """Say what every field of the form shows for a preset, but for the dataset."""
    told = preset_values(preset)
    fields = TrainConfig.model_fields
    values = {name: told.get(name, fields[name].get_default()) for name in FIELDS if name != "dataset"}
    values["method"] = told.get("method", "sft")
    values["model"] = told.get("model", "embedded:smollm2")
    return {name: shown_value(name, value) for name, value in values.items()}


def dataset_choices(house: House) -> list[tuple[str, str]]:
    """Offer the datasets of this house."""
    if house.models.hosted:
        return []
    return [(_dataset_name(path.parts), str(path)) for path in known_datasets(Jobs(house.models.home))]


def _dataset_name(parts: Sequence[str]) -> str:
    how = {"dataset": "grown here", "reviewed": "as reviewed"}.get(parts[-1])
    return f"{parts[-2]}, {how}" if how else parts[-1]


def device_options(house: House) -> list[tuple[str, str]]:
    """Offer the devices of this machine; an empty value leaves the choice open."""
    return [(told, "" if value == "auto" else value) for told, value in device_choices(house.look().gpus)]


def _choices(house: House) -> list[tuple[str, str]]:
    return model_choices(house.look(), lambda _: True, house.trained)


def _knob(house: House, name: str, start: dict[str, Any]) -> Any:
    field, label = TrainConfig.model_fields[name], LABELS.get(name, name)
    if name == "device":
        return gr.Dropdown(
            device_options(house), value="", label="Where it runs", elem_id="train-device", min_width=150
        )
    knob = field_of(name, field, label, elem_id=f"train-{name.replace('_', '-')}", min_width=150)
    knob.value = start[name]
    return knob


def shown_value(name: str, value: Any) -> Any:
    """Write a value as its field shows it."""
    field = TrainConfig.model_fields[name]
    if name == "columns":
        return ", ".join(f"{ours}: {theirs}" for ours, theirs in value.items())
    if value is None:
        return ""
    if field.default is None:
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def _read(name: str, value: Any) -> Any:
    """Take a field's value as the config wants it."""
    if name == "columns":
        try:
            found = yaml.safe_load(f"{{{value or ''}}}")
        except yaml.YAMLError as error:
            raise BadConfig("columns: write our column and yours, such as output: answer, prompt: question.") from error
        return {str(ours): str(theirs) for ours, theirs in found.items()}
    if name == "target_modules" and "," in str(value):
        return tuple(part.strip() for part in str(value).split(",") if part.strip())
    return value.strip() if isinstance(value, str) else value
