"""What an augment job is to do, as fields: made of the request's own, so that form, flags and checks are one."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from data_gen.cleaning import CleaningRules
from data_gen.errors import BadRequest
from janus_space.augment_order import AugmentJob
from janus_space.ui import augment_wording, wording
from janus_space.ui.augment_columns import LABELS as COLUMNS
from janus_space.ui.augment_columns import ColumnsView, build_columns, columns_given, columns_shown
from janus_space.ui.augment_input import FILE_TYPES, Given
from janus_space.ui.events import listen
from janus_space.ui.fields import field_of, flags, given
from janus_space.ui.house import House
from janus_space.ui.keyed import live_status
from janus_space.ui.models_panel import model_choices

KNOBS: tuple[str, ...] = ("sets", "concurrency", "seed", "budget_usd", "price_in", "price_out")
MORE_KNOBS: tuple[str, ...] = (
    *("pairs", "transport", "requests_per_minute", "tokens_per_minute", "timeout_seconds", "max_characters"),
    *("attribution_by", "rubrics", "drop_near_duplicates", "drop_unsafe"),
)
LABELS = {
    "sets": "People",
    "concurrency": "Requests at once",
    "seed": "Seed",
    "budget_usd": "Budget in USD",
    "price_in": "Price of a prompt",
    "price_out": "Price of an answer",
    "pairs": "Preference pairs",
    "transport": "How it is asked",
    "requests_per_minute": "Requests a minute, at most",
    "tokens_per_minute": "Tokens a minute, at most",
    "attribution_by": "Whose answer is whose, read by",
    "rubrics": "Write scoring rubrics",
    "drop_near_duplicates": "Leave out near duplicates",
    "drop_unsafe": "Leave out what looks unsafe",
    "max_characters": "Longest instruction, in characters",
    "timeout_seconds": "Longest wait for an answer, in seconds",
}
ECHO = ("Echo: fills in the forms without a language model, to try this", "echo:")


class FormView(NamedTuple):
    """The components of the form."""

    source: gr.Radio
    paste: gr.Textbox
    file: gr.File
    hub: gr.Textbox
    columns: ColumnsView
    found: gr.HTML
    teacher: gr.Dropdown
    key: gr.Textbox
    keep_key: gr.Button
    key_note: gr.HTML
    knobs: list[Any]
    """In the order of `KNOBS` and `MORE_KNOBS`."""
    name: gr.Textbox
    command: gr.HTML
    estimate: gr.Button
    start: gr.Button

    @property
    def fields(self) -> list[Any]:
        """Return what `AugmentForm.of_values` reads, in its order."""
        given = [self.source, self.paste, self.file, self.hub, *self.columns.fields]
        return [*given, self.teacher, self.name, *self.knobs]


@dataclass(frozen=True)
class AugmentForm:
    """The form as it is filled in."""

    given: Given
    teacher: str
    name: str
    knobs: dict[str, Any]

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> AugmentForm:
        """Read the fields in the order of `FormView.fields`."""
        source, paste, file, hub, *others = values
        columns, (teacher, name, *knobs) = others[: len(COLUMNS)], others[len(COLUMNS) :]
        instructions = {
            "file": Given(file=Path(file) if file else None, columns=columns_given(columns, is_file=True)),
            "hub": Given(hub=(hub or "").strip(), columns=columns_given(columns, is_file=False)),
        }.get(source, Given(paste=paste or ""))
        return cls(instructions, teacher or "", name or "", given(AugmentJob, (*KNOBS, *MORE_KNOBS), knobs))

    @property
    def rules(self) -> CleaningRules:
        return CleaningRules(**{name: self.knobs[name] for name in CleaningRules.model_fields if name in self.knobs})

    def request(self, instructions: str, reuse: tuple[Path, ...] = ()) -> AugmentJob:
        """Make the request; raise `BadRequest` in the words of the form."""
        try:
            return AugmentJob.read(
                instructions=instructions,
                teacher=tuple(self.teacher.split()),
                reuse=reuse,
                **self.given.columns.model_dump(exclude_none=True),
                **self.knobs,
            )
        except BadRequest as error:
            told = str(error)
            for name, label in (LABELS | COLUMNS).items():
                told = told.replace(f"--{name.replace('_', '-')}", f"“{label}”")
            raise BadRequest(told.replace("--teacher", "The teacher")) from error

    def command(self) -> list[str]:
        """Write the form as a command, word by word."""
        told = {"instructions": self.given.name, "teacher": tuple(self.teacher.split()) or ("SPEC",)}
        told |= self.given.columns.model_dump() | self.knobs
        words = flags(told, AugmentJob)
        return ["python -m janus_space augment", *map(shlex.quote, words), "--out", shlex.quote(self.name or "FOLDER")]


_EMPTY = AugmentForm(Given(), "echo:", "", {})


def build_form(house: House) -> FormView:
    """Lay out the form."""
    with gr.Column(elem_id="augment-form"):
        gr.HTML("<h3>Instructions</h3>")
        source = gr.Radio(
            [("Paste", "paste"), ("File", "file"), ("Hub dataset", "hub")],
            value="paste",
            label="Instructions from",
            show_label=False,
            elem_classes="segmented",
            elem_id="augment-source",
        )
        paste = gr.Textbox(
            label="One instruction a line",
            lines=5,
            max_lines=12,
            placeholder="Explain how vaccines work.\nWrite a toast for my sister’s wedding.",
            elem_id="augment-paste",
        )
        file = gr.File(
            label="JSONL, JSON, CSV, TSV, Parquet or plain text", file_types=FILE_TYPES, visible=False, height=120
        )
        hub = gr.Textbox(
            label="Dataset on the Hub",
            info="Read when the job starts, at the commit of that moment",
            placeholder="hub:ORG/NAME, or hub:ORG/NAME@REVISION:data/train-*.parquet",
            visible=False,
            max_lines=1,
        )
        columns = build_columns()
        found = live_status(elem_id="augment-found")
        teacher, key, keep_key, key_note = _build_teacher(house)
        knobs = _build_knobs()
        name = gr.Textbox(label="Name of the job", info="Letters, digits and dashes; empty takes the time", max_lines=1)
        command = gr.HTML(augment_wording.command(_EMPTY.command()), elem_id="augment-command")
        with gr.Row(elem_classes="button-row"):
            start = gr.Button("Start", variant="primary", elem_id="augment-start", scale=0, min_width=110)
            estimate = gr.Button("Estimate first", elem_id="augment-estimate", scale=0, min_width=160)
        gr.HTML(
            "<p class='hint'>An estimate works on 5 instructions and says what all cost. Nothing is paid twice.</p>"
        )
    return FormView(
        *(
            source,
            paste,
            file,
            hub,
            columns,
            found,
            teacher,
            key,
            keep_key,
            key_note,
            knobs,
            name,
            command,
            estimate,
            start,
        )
    )


def _build_teacher(house: House) -> tuple[gr.Dropdown, gr.Textbox, gr.Button, gr.HTML]:
    gr.HTML("<h3>Teacher</h3>")
    known = [choice for choice in model_choices(house.look(), lambda spec: True, house.trained) if choice[1] != "echo:"]
    teacher = gr.Dropdown(
        [ECHO, *known],
        value="echo:",
        label="Who imagines, writes and answers",
        info="Or type openai:MODEL@BASE_URL for any OpenAI-compatible server; several, apart by spaces, share the work",
        allow_custom_value=True,
        elem_id="augment-teacher",
    )
    with gr.Row(elem_classes="key-row"):
        key = gr.Textbox(
            label="API key of that address",
            info="Kept in the server’s memory for this visit; never saved",
            type="password",
            min_width=200,
        )
        keep_key = gr.Button("Use this key", size="sm", elem_classes="quiet", min_width=110, scale=0)
    return teacher, key, keep_key, gr.HTML(elem_classes="status")


def _build_knobs() -> list[Any]:
    fields = AugmentJob.model_fields
    gr.HTML("<h3>How much</h3>")
    with gr.Row(elem_classes="knobs"):
        first = [field_of(name, fields[name], LABELS[name], min_width=150) for name in KNOBS]
    with gr.Accordion("More", open=False, elem_classes="drawer"), gr.Row(elem_classes="knobs"):
        more = [field_of(name, fields[name], LABELS[name], min_width=150) for name in MORE_KNOBS]
    return [*first, *more]


def wire_form(form: FormView) -> None:
    """Register what follows from the fields: which are shown, what was found in them, and the command."""

    async def switch(source: str, file: str | None) -> dict[Any, Any]:
        shown = {
            form.paste: gr.update(visible=source == "paste"),
            form.file: gr.update(visible=source == "file"),
            form.hub: gr.update(visible=source == "hub"),
            form.found: "",
        }
        return shown | await columns_shown(form.columns, source, file)

    async def read_file(source: str, file: str | None) -> dict[Any, Any]:
        return await columns_shown(form.columns, source, file)

    async def look(*values: Any) -> dict[Any, Any]:
        filled = AugmentForm.of_values(values)
        updates = {form.command: augment_wording.command(filled.command())}
        if filled.given.is_empty or filled.given.hub:
            return updates | {form.found: ""}
        try:
            found = await asyncio.to_thread(filled.given.look, filled.rules)
        except BadRequest as error:
            return updates | {form.found: wording.failed(str(error))}
        return updates | {form.found: augment_wording.found(found)}

    def command(*values: Any) -> str:
        return augment_wording.command(AugmentForm.of_values(values).command())

    given, mapped = [form.source, form.file], [form.columns.panel, *form.columns.fields]
    listen(form.source.change, "augment_source", switch, given, [form.paste, form.file, form.hub, form.found, *mapped])
    listen(form.file.change, "augment_file", read_file, given, mapped)
    rules = [knob for name, knob in zip((*KNOBS, *MORE_KNOBS), form.knobs, strict=True) if name in _RULES]
    others = [knob for name, knob in zip((*KNOBS, *MORE_KNOBS), form.knobs, strict=True) if name not in _RULES]
    looks = [one.change for one in (form.paste, form.file, *form.columns.fields, *rules)]
    listen(looks, "augment_look", look, form.fields, [form.found, form.command], trigger_mode="always_last")
    changes = [one.change for one in (form.teacher, form.name, form.source, form.hub, *others)]
    listen(changes, "augment_command", command, form.fields, [form.command], trigger_mode="always_last")


_RULES = frozenset(CleaningRules.model_fields)
