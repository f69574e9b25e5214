"""The Train tab: from a dataset to a model that answers in the next column."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from janus_space.job import Job, Status
from janus_space.jobs import Jobs
from janus_space.training import VERB, go_on, keep_dataset, look
from janus_space.ui import train_after, train_runs, train_wording, wording
from janus_space.ui.augment import AugmentView
from janus_space.ui.compare import CompareView
from janus_space.ui.events import listen
from janus_space.ui.form import Form
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, Updates, build_job_panel
from janus_space.ui.take_over import take_over
from janus_space.ui.train_after import AfterView
from janus_space.ui.train_before import devices_html, wire_before
from janus_space.ui.train_form import (
    FIELDS,
    TrainForm,
    TrainFormView,
    build_form,
    dataset_choices,
    device_options,
    shown_values,
)
from janus_space.ui.train_rent import build_rent, wire_rent
from janus_space.ui.use_in_compare import OPEN_COMPARE_JS
from janus_space.xray import xray
from trainer.errors import TrainerError

INTRO = """
<h2>Train</h2>
<p>Fine-tune a model on preference data, on this machine. The run goes on when you close the page, can be stopped and
resumed, and what it has made answers in a column of Compare.</p>
"""
HOSTED = "On this hosted Space nobody starts long work: run Janus Space on your own machine, where this tab trains."
_ROWS_SHOWN = 2


class _Parts(NamedTuple):
    """What of a job only this verb shows."""

    devices: gr.HTML
    after: AfterView

    @property
    def outputs(self) -> list[Any]:
        return [self.devices, *self.after]


def build(tab: gr.Tab, house: House, compared: CompareView, augmented: AugmentView) -> None:
    """Lay out the tab and register its listeners; `tab` is what shows it."""
    is_hosted = house.models.hosted
    with gr.Column(elem_id="train"):
        gr.HTML(INTRO + (wording.note(HOSTED) if is_hosted else ""), elem_classes="intro")
        with gr.Column(visible=not is_hosted, elem_id="train-room"):
            with gr.Row(elem_id="train-bench", equal_height=False):
                with gr.Column():
                    form = build_form(house)
                    rent = build_rent()
                with gr.Column(elem_id="train-work"):
                    devices = gr.HTML(elem_id="train-devices")
                    panel_view = build_job_panel(VERB)
                    parts = _Parts(devices, train_after.build_after())
                    runs = train_runs.build_runs()
            form.rows.render()
    jobs = Jobs(house.models.home)
    panel = JobPanel(panel_view, jobs, VERB, train_wording.figures, _Shown(parts, jobs, house).details)

    def resume(job: Job, _: str) -> None:
        go_on(jobs, job)

    # Where everybody is a stranger, opening the tab asks for nothing that would be refused.
    opening = panel_view.stop.click if is_hosted else tab.select
    panel.wire(opening, parts.outputs, compared.visitor, resume)
    outputs = [*panel.outputs, *parts.outputs]
    _wire_form(form, house, opening)
    _wire_rows(form, house)
    wire_before(form, panel, house, outputs)
    wire_rent(rent, form, panel, house, outputs)
    train_after.wire_after(parts.after, panel, outputs)
    train_runs.wire_runs(runs, jobs, opening, panel_view.timer)
    _wire_try(parts.after.try_it, panel_view.chosen, jobs, compared)
    _wire_use(tab, form, house, jobs, augmented)


class _Shown(NamedTuple):
    """What is shown of a job around its panel."""

    parts: _Parts
    jobs: Jobs
    house: House

    def details(self, job: Job | None, status: Status | None, is_new: bool) -> Updates:
        """Show the devices as they are, and what can be done with a run that has ended."""
        told: Updates = {self.parts.devices: devices_html(self.house, self.jobs)}
        return told | (train_after.shown(self.parts.after, self.jobs, job) if is_new else {})


def _wire_form(form: TrainFormView, house: House, opening: Any) -> None:
    """Keep datasets and models up to date, fill in presets, and show the config as it stands."""

    device = form.fields[FIELDS.index("device")]

    def enter() -> Updates:
        return {
            form.dataset: gr.update(choices=dataset_choices(house)),
            device: gr.update(choices=device_options(house)),
        }

    def bring(path: str | None) -> Updates:
        if not path:
            return {form.dataset: gr.update()}
        folder = keep_dataset(Jobs(house.models.home), Path(path))
        return {form.dataset: gr.update(choices=dataset_choices(house), value=str(folder))}

    def fill(preset: str) -> Updates:
        values = shown_values(preset)
        return {field: values[name] for name, field in zip(FIELDS, form.fields, strict=True) if name in values}

    def config(*values: Any) -> str:
        filled = TrainForm.of_values(values)
        try:
            text = filled.with_some_dataset().config(house.models).to_yaml()
        except TrainerError as error:
            return wording.failed(str(error)) + train_wording.yaml_and_command("", filled.name)
        return train_wording.yaml_and_command(text, filled.name)

    listen(opening, f"{VERB}_enter", enter, [], [form.dataset, device])
    listen(form.upload.upload, f"{VERB}_upload", bring, [form.upload], [form.dataset])
    listen(form.preset.input, f"{VERB}_preset", fill, [form.preset], form.fields)
    changes = [opening, *(field.change for field in form.asked)]
    listen(changes, f"{VERB}_config", config, form.asked, [form.config], trigger_mode="always_last")


def _wire_rows(form: TrainFormView, house: House) -> None:
    """Check the rows and show the first of them as the model will read them."""

    async def show(*values: Any) -> Updates:
        config = TrainForm.of_values(values).config(house.models)
        found = await asyncio.to_thread(look, config)
        told = train_wording.found(found) if found else ""
        rows = await xray(config, house.models.home, _ROWS_SHOWN)
        return {form.found: told, form.rows: train_wording.xrays(rows)}

    listen(form.xray.click, f"{VERB}_xray", show, form.asked, [form.found, form.rows])


def _wire_try(button: gr.Button, chosen: gr.State, jobs: Jobs, compared: CompareView) -> None:
    """Put what was trained beside what it was trained from."""

    def put(name: str, *values: Any) -> Updates:
        before = Form.of_values(values)
        after = beside_its_base(before, jobs.find(f"{VERB}/{name}"))
        pairs = zip(compared.fields, before.values(), after.values(), strict=True)
        return {field: new for field, old, new in pairs if old != new}

    tried = listen(button.click, f"{VERB}_try", put, [chosen, *compared.fields], compared.fields)
    listen(tried.success, f"{VERB}_try_go", None, js=OPEN_COMPARE_JS)


def beside_its_base(form: Form, job: Job) -> Form:
    """Give column A the model that a run began with, column B what it has made, and both the same message."""
    first, second, *others = form.columns
    shares = form.axis == "models"
    system, sends_none = (form.system, form.sends_none) if shares else (first.system, first.sends_none)
    models = str(job.request["model"]), f"job:{job.name}"
    columns = [
        one.model_copy(update={"model": model, "is_override": False})
        for one, model in zip((first, second), models, strict=True)
    ]
    return form.model_copy(
        update={"axis": "models", "system": system, "sends_none": sends_none, "columns": (*columns, *others)}
    )


def _wire_use(tab: gr.Tab, form: TrainFormView, house: House, jobs: Jobs, augmented: AugmentView) -> None:
    def learn_from(dataset: Path) -> Updates:
        return {form.dataset: gr.update(choices=dataset_choices(house), value=str(dataset))}

    take_over(augmented.train, VERB, tab, jobs, learn_from, [form.dataset])
