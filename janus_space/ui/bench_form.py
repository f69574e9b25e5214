"""What a benchmark job is to measure, as fields: made of the request's own, so that form, flags and checks are one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
from pydantic import ValidationError

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.bench_results import Table
from janus_space.benchmarks.table import BENCHES, bench_of
from janus_space.ui import bench_wording
from janus_space.ui.events import listen
from janus_space.ui.fields import field_of, flags, given
from janus_space.ui.house import House
from janus_space.ui.keyed import live_status
from janus_space.ui.models_panel import model_choices

KNOBS: tuple[str, ...] = ("limit", "runs", "max_new_tokens", "seed")
MORE_KNOBS: tuple[str, ...] = (
    *("budget_usd", "price_in", "price_out", "concurrency", "power", "hide_system", "paper_parser"),
    *("annotations", "references", "baseline", "reader", "scorer", "continuations"),
)
LABELS = {
    "limit": "Questions, at most",
    "runs": "Judgements each",
    "max_new_tokens": "Longest answer",
    "seed": "Seed",
    "budget_usd": "Budget in USD",
    "price_in": "Price of a prompt",
    "price_out": "Price of a reply",
    "concurrency": "Requests at once",
    "power": "Rows judged under a wrong message",
    "hide_system": "Hide the system message from the judge",
    "paper_parser": "Read replies as the paper did",
    "annotations": "Stored judgements",
    "references": "Reference answers",
    "baseline": "Baseline",
    "reader": "Reader",
    "scorer": "Toxicity by",
    "continuations": "Continuations of each prompt",
}
START_BENCH = "multifaceted"
QUICK = 4
"""Questions of a quick look: a few minutes for the embedded model on two cores."""


class BenchFormView(NamedTuple):
    """The components of the form."""

    bench: gr.Radio
    about: gr.HTML
    model: gr.Dropdown
    judge: gr.Dropdown
    data: gr.Textbox
    upload: gr.File
    knobs: list[Any]
    """In the order of `KNOBS` and `MORE_KNOBS`."""
    name: gr.Textbox
    command: gr.HTML
    start: gr.Button
    quick: gr.Button

    @property
    def fields(self) -> list[Any]:
        """Return what `BenchForm.of_values` reads, in its order."""
        return [self.bench, self.model, self.judge, self.data, self.upload, self.name, *self.knobs]


@dataclass(frozen=True)
class BenchForm:
    """The form as it is filled in."""

    name: str
    values: dict[str, Any]

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> BenchForm:
        """Read the fields in the order of `BenchFormView.fields`."""
        bench, model, judge, data, upload, name, *knobs = values
        told = {"bench": bench or START_BENCH, "model": tuple(model or ())}
        told |= {"judge": judge or None, "data": upload or (data or "").strip() or None}
        return cls(name or "", told | given(BenchJob, (*KNOBS, *MORE_KNOBS), knobs))

    @property
    def quick(self) -> BenchForm:
        return BenchForm(self.name, self.values | {"limit": QUICK, "runs": 1})

    def request(self) -> BenchJob:
        """Make the request; raise `BadRequest` in the words of the form."""
        try:
            order = BenchJob.model_validate(self.values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            told = first["msg"].removeprefix("Value error, ")
            raise BadRequest(_in_words(f"{LABELS.get(field, field)}: {told}." if field else f"{told}.")) from error
        try:
            bench_of(order)
        except BadRequest as error:
            raise BadRequest(_in_words(str(error))) from error
        return order

    def command(self) -> list[str]:
        """Write the form as a command, word by word."""
        told = {name: value for name, value in self.values.items() if name != "bench" and value not in (None, ())}
        words = flags(told, BenchJob)
        ends = ["--out", shlex.quote(self.name or "FOLDER")]
        return ["python -m janus_space bench", self.values["bench"], *map(shlex.quote, map(str, words)), *ends]


def _in_words(told: str) -> str:
    """Call flags what the form calls them."""
    for name, label in LABELS.items():
        told = told.replace(f"--{name.replace('_', '-')}", f"“{label}”")
    return told.replace("--model", "“Models to measure”").replace("--judge", "“Judge”").replace("--data", "“Questions”")


def build_form(house: House) -> BenchFormView:
    """Lay out the form."""
    known = model_choices(house.look(), lambda spec: house.has_key(spec, {}), house.trained)
    first = BenchForm("", {"bench": START_BENCH, "model": (house.start_model,), "judge": house.start_model})
    with gr.Column(elem_id="benchmark-form"):
        gr.HTML("<h3>What is measured</h3>")
        bench = gr.Radio(
            [(bench_wording.name(one), one) for one in BENCHES],
            value=START_BENCH,
            label="Benchmark",
            show_label=False,
            elem_classes="segmented",
            elem_id="benchmark-name",
        )
        about = live_status(elem_id="benchmark-about")
        model = gr.Dropdown(
            known,
            value=[house.start_model],
            label="Models to measure",
            info="One row of the table each; any model spec can be typed",
            multiselect=True,
            allow_custom_value=True,
            elem_id="benchmark-models",
        )
        judge = gr.Dropdown(
            known,
            value=house.start_model,
            label="Judge",
            info="A strong remote model; a small one tries the way, and its judge power says how little it can tell",
            allow_custom_value=True,
            elem_id="benchmark-judge",
        )
        data = gr.Textbox(
            label="Questions",
            info="Empty takes the benchmark’s own; else a file of this machine, or hub:ORG/NAME",
            max_lines=1,
            elem_id="benchmark-data",
        )
        upload = gr.File(label="Or bring a file", file_types=[".jsonl", ".json", ".csv", ".parquet", ".gz"], height=110)
        knobs = _build_knobs()
        name = gr.Textbox(label="Name of the job", info="Letters, digits and dashes; empty takes the time", max_lines=1)
        command = gr.HTML(bench_wording.command(first.command()), elem_id="benchmark-command")
        with gr.Row(elem_classes="button-row"):
            start = gr.Button("Start", variant="primary", elem_id="benchmark-start", scale=0, min_width=110)
            quick = gr.Button("A quick look", elem_id="benchmark-quick", scale=0, min_width=150)
        gr.HTML(f"<p class='hint'>A quick look asks {QUICK} questions in the same way.</p>")
    return BenchFormView(bench, about, model, judge, data, upload, knobs, name, command, start, quick)


def _build_knobs() -> list[Any]:
    fields = BenchJob.model_fields
    with gr.Row(elem_classes="knobs"):
        first = [field_of(name, fields[name], LABELS[name], min_width=150) for name in KNOBS]
    with gr.Accordion("More", open=False, elem_classes="drawer"), gr.Row(elem_classes="knobs"):
        more = [field_of(name, fields[name], LABELS[name], min_width=150) for name in MORE_KNOBS]
    return [*first, *more]


def wire_form(form: BenchFormView, tables: Callable[[], Iterable[Table]]) -> None:
    """Register what follows from the fields: what the benchmark is, what a sample of that size tells, the command."""

    def look(*values: Any) -> dict[Any, Any]:
        filled = BenchForm.of_values(values)
        limit = filled.values.get("limit")
        return {
            form.about: bench_wording.about(
                filled.values["bench"], limit if isinstance(limit, int) else None, tables()
            ),
            form.command: bench_wording.command(filled.command()),
        }

    changes = [field.change for field in form.fields]
    listen(changes, "bench_look", look, form.fields, [form.about, form.command], trigger_mode="always_last")
