"""What a benchmark job is to measure, as fields: made of the request's own, so that form, flags and checks are one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from pydantic import ValidationError

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.bench_results import Table
from janus_space.benchmarks import multifaceted, steering
from janus_space.benchmarks.bench import EVERY
from janus_space.benchmarks.table import BENCHES, ordered
from janus_space.ui import bench_wording
from janus_space.ui.events import listen
from janus_space.ui.fields import field_of, flags, given
from janus_space.ui.house import House
from janus_space.ui.keyed import live_status
from janus_space.ui.models_panel import model_choices

KNOBS: tuple[str, ...] = ("limit", "runs", "max_new_tokens", "seed")
MORE_KNOBS: tuple[str, ...] = (
    *("budget_usd", "price_in", "price_out", "concurrency", "power", "hide_system", "paper_parser", "judge_tokens"),
    *("system", "best_of", "reward", "annotations", "references", "baseline", "reader", "scorer", "continuations"),
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
    "judge_tokens": "Longest reply of the judge",
    "system": "System message",
    "best_of": "Best of so many answers",
    "reward": "Reward model that chooses",
    "annotations": "Stored judgements",
    "references": "Reference answers",
    "baseline": "Baseline",
    "reader": "Reader",
    "scorer": "Toxicity by",
    "continuations": "Continuations of each prompt",
}
START_BENCH = multifaceted.BENCH.name
QUICK = {"limit": 2, "runs": 1, "power": 2, "max_new_tokens": 128, "judge_tokens": 128}
"""The most that a quick look asks for, which the embedded model does in a few minutes on two quiet cores."""


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
        chosen, model, judge, data, upload, name, *knobs = values
        bench = chosen or START_BENCH
        told = {"bench": bench, "model": tuple(model or ())}
        told |= {"judge": judge or None, "data": upload or (data or "").strip() or None}
        told |= given(BenchJob, (*KNOBS, *MORE_KNOBS), knobs)
        return cls(name or "", {field: value for field, value in told.items() if means_something(field, bench)})

    @property
    def quick(self) -> BenchForm:
        used = {name: most for name, most in QUICK.items() if means_something(name, self.values["bench"])}
        return BenchForm(
            self.name, self.values | {name: min(most, self.values.get(name, most)) for name, most in used.items()}
        )

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
            ordered(order)
        except BadRequest as error:
            raise BadRequest(_in_words(str(error))) from error
        return order

    def command(self) -> list[str]:
        """Write the form as a command, word by word."""
        told = {name: value for name, value in self.values.items() if name != "bench" and value not in (None, ())}
        words = flags(told, BenchJob)
        ends = ["--out", shlex.quote(self.name or "FOLDER")]
        return ["python -m janus_space bench", self.values["bench"], *map(shlex.quote, map(str, words)), *ends]


def means_something(field: str, bench: str) -> bool:
    """Tell whether a benchmark makes use of a field; the others are hidden."""
    return field in EVERY | BENCHES[bench].uses


def questions_in(dataset: Path) -> tuple[str, Path]:
    """Choose what a grown dataset's rows can measure, and by which file: rows with rubrics are made to be judged."""
    rubrics = dataset / "bench.jsonl"
    if rubrics.is_file() and rubrics.stat().st_size:
        return multifaceted.BENCH.name, rubrics
    return steering.BENCH.name, dataset / "sft.jsonl"


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
            visible=means_something("judge", START_BENCH),
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
        gr.HTML(f"<p class='hint'>A quick look asks {QUICK['limit']} questions in the same way, answered in short.</p>")
    return BenchFormView(bench, about, model, judge, data, upload, knobs, name, command, start, quick)


def _build_knobs() -> list[Any]:
    with gr.Row(elem_classes="knobs"):
        first = [_knob(name) for name in KNOBS]
    with gr.Accordion("More", open=False, elem_classes="drawer"), gr.Row(elem_classes="knobs"):
        more = [_knob(name) for name in MORE_KNOBS]
    return [*first, *more]


def _knob(name: str) -> Any:
    is_shown = means_something(name, START_BENCH)
    return field_of(name, BenchJob.model_fields[name], LABELS[name], min_width=150, visible=is_shown)


def wire_form(form: BenchFormView, tables: Callable[[], Iterable[Table]]) -> None:
    """Register what follows from the fields: which of them the benchmark uses, what a sample of that size tells, the
    command.
    """
    optional = {"judge": form.judge, **dict(zip((*KNOBS, *MORE_KNOBS), form.knobs, strict=True))}

    def choose(bench: str) -> dict[Any, Any]:
        return {field: gr.update(visible=means_something(name, bench)) for name, field in optional.items()}

    def look(*values: Any) -> dict[Any, Any]:
        filled = BenchForm.of_values(values)
        limit = filled.values.get("limit")
        return {
            form.about: bench_wording.about(
                filled.values["bench"], limit if isinstance(limit, int) else None, tables()
            ),
            form.command: bench_wording.command(filled.command()),
        }

    listen(form.bench.change, "bench_choose", choose, [form.bench], list(optional.values()))
    changes = [field.change for field in form.fields]
    listen(changes, "bench_look", look, form.fields, [form.about, form.command], trigger_mode="always_last")
