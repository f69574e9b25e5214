"""The Benchmark tab: models and a judge, a job, the paper's table with ours beside it, and every judged answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from data_gen.errors import BadRequest
from janus_space.bench_export import FORMATS
from janus_space.bench_order import VERB, BenchJob, start_bench
from janus_space.bench_results import Table, judged, questions, table_of
from janus_space.job import LIVE, Job, Status
from janus_space.jobs import Jobs
from janus_space.ui import bench_wording, by_hand_panel, wording
from janus_space.ui.augment import AugmentView
from janus_space.ui.bench_form import BenchForm, BenchFormView, build_form, questions_in, wire_form
from janus_space.ui.by_hand_panel import ByHandView, build_by_hand, wire_by_hand
from janus_space.ui.compare import CompareView
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, Updates, build_job_panel
from janus_space.ui.take_over import take_over

INTRO = """
<h2>Benchmark</h2>
<p>The paper’s tables, measured here: choose models, a benchmark and a judge. Every figure carries its interval, every
score the words it was given with, and a judge that cannot tell good answers from bad ones is found out.</p>
"""
HOSTED = "On this hosted Space nobody starts long work: run Janus Space on your own machine, where this tab measures."
_LOOKED_AT = 12
_LANGUAGES = {"markdown": "markdown", "latex": "latex", "eval-results": "yaml"}


class _Parts(NamedTuple):
    """What of a job only this verb shows."""

    panel: gr.Column
    table: gr.HTML
    question: gr.Dropdown
    answers: gr.HTML
    code: gr.Code
    by_hand: ByHandView

    @property
    def outputs(self) -> list[Any]:
        return [*self[:-1], *self.by_hand]


def build(tab: gr.Tab, house: House, compared: CompareView, augmented: AugmentView) -> None:
    """Lay out the tab and register its listeners; `tab` is what shows it."""
    is_hosted = not house.can_have_owner
    with gr.Column(elem_id="benchmark"):
        gr.HTML(INTRO + (wording.note(HOSTED) if is_hosted else ""), elem_classes="intro")
        with gr.Column(visible=not is_hosted, elem_id="benchmark-room"):
            with gr.Row(elem_id="benchmark-desk", equal_height=False):
                form = build_form(house)
                with gr.Column(elem_id="benchmark-work"):
                    panel_view = build_job_panel(VERB)
            parts, exports = _build_parts()
    jobs = Jobs(house.models.home)
    panel = JobPanel(panel_view, jobs, VERB, bench_wording.figures, _Shown(parts).details)

    def go_on(job: Job, visitor: str) -> None:
        start_bench(jobs, BenchJob.model_validate(job.request), job.folder, compared.keys.of(visitor))

    # Where everybody is a stranger, opening the tab asks for nothing that would be refused.
    opening = panel_view.stop.click if is_hosted else tab.select
    panel.wire(opening, parts.outputs, compared.visitor, go_on)
    wire_form(form, partial(_tables, jobs))
    outputs = [*panel.outputs, *parts.outputs]

    async def start(is_quick: bool, visitor: str, *values: Any) -> Updates:
        filled = BenchForm.of_values(values)
        return await asyncio.to_thread(begin, panel, filled.quick if is_quick else filled, compared, visitor)

    async def start_all(visitor: str, *values: Any) -> Updates:
        return await start(False, visitor, *values)

    async def start_quick(visitor: str, *values: Any) -> Updates:
        return await start(True, visitor, *values)

    asked = [compared.visitor, *form.fields]
    listen(form.start.click, f"{VERB}_start", start_all, asked, outputs)
    listen(form.quick.click, f"{VERB}_quick", start_quick, asked, outputs)
    _wire_results(parts, exports, panel_view.chosen, jobs)
    wire_by_hand(parts.by_hand, panel_view.chosen, jobs)
    _wire_use(tab, form, jobs, augmented)


def _wire_use(tab: gr.Tab, form: BenchFormView, jobs: Jobs, augmented: AugmentView) -> None:
    def measure_with(dataset: Path) -> Updates:
        bench, file = questions_in(dataset)
        return {form.bench: bench, form.data: str(file), form.upload: None}

    take_over(augmented.bench, VERB, tab, jobs, measure_with, [form.bench, form.data, form.upload])


def begin(panel: JobPanel, form: BenchForm, compared: CompareView, visitor: str) -> Updates:
    """Start the job of a form and show it; raise `BadRequest` for a form that cannot be done."""
    request = form.request()
    folder = panel.jobs.new_folder(VERB, form.name)
    if request.data and Path(request.data).is_file():
        request = request.model_copy(update={"data": _kept(Path(request.data), folder / "given")})
    job = start_bench(panel.jobs, request, folder, compared.keys.of(visitor))
    return panel.show(job.name)


def _kept(path: Path, folder: Path) -> str:
    """Copy questions into the job, so that it can be done again when what was uploaded is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / path.name
    kept.write_bytes(path.read_bytes())
    return str(kept)


def _build_parts() -> tuple[_Parts, dict[str, gr.Button]]:
    with gr.Column(visible=False, elem_id="benchmark-results") as panel:
        table = gr.HTML(elem_id="benchmark-table")
        with gr.Row(elem_classes="button-row"):
            exports = {
                kind: gr.Button(label, size="sm", elem_classes="quiet", scale=0, min_width=90)
                for kind, (label, _) in FORMATS.items()
            }
        code = gr.Code(
            label="Export", interactive=False, visible=False, max_lines=20, wrap_lines=True, elem_id="benchmark-export"
        )
        gr.HTML("<h3>Answers and verdicts</h3>")
        question = gr.Dropdown([], label="Question", elem_id="benchmark-question")
        answers = gr.HTML(elem_id="benchmark-answers")
        by_hand = build_by_hand()
    return _Parts(panel, table, question, answers, code, by_hand), exports


@dataclass(frozen=True)
class _Shown:
    """What is shown of a job below its panel."""

    parts: _Parts

    def details(self, job: Job | None, status: Status | None, is_new: bool) -> Updates:
        """Show the table and the answers once there are some; they are drawn anew only when the job has changed."""
        if not is_new:
            return {}
        parts, found = self.parts, table_of(job) if job is not None and status not in LIVE else None
        if job is None or found is None:
            return {parts.panel: gr.update(visible=False), parts.code: gr.update(visible=False)}
        asked = questions(job)
        first = asked[0] if asked else None
        return {
            parts.panel: gr.update(visible=True),
            parts.table: bench_wording.results(found),
            parts.question: gr.update(choices=asked, value=first, visible=bool(asked)),
            parts.answers: bench_wording.one_question(judged(job, first)) if first else "",
            parts.code: gr.update(visible=False),
        } | by_hand_panel.shown(parts.by_hand, job)


def _wire_results(parts: _Parts, exports: dict[str, gr.Button], chosen: gr.State, jobs: Jobs) -> None:
    def show(name: str, question: str | None) -> str:
        return bench_wording.one_question(judged(jobs.find(f"{VERB}/{name}"), question)) if name and question else ""

    def export(kind: str, name: str) -> Any:
        found = table_of(jobs.find(f"{VERB}/{name}")) if name else None
        if found is None:
            raise BadRequest("There is nothing to export yet: choose a job that has ended.")
        label, write = FORMATS[kind]
        return gr.update(value=write(found), language=_LANGUAGES.get(kind), label=label, visible=True)

    listen(parts.question.input, f"{VERB}_question", show, [chosen, parts.question], [parts.answers])
    for kind, button in exports.items():
        listen(button.click, f"{VERB}_{kind.replace('-', '_')}", partial(export, kind), [chosen], [parts.code])


def _tables(jobs: Jobs) -> Iterator[Table]:
    """Read the newest reports of the house."""
    found = (table_of(job) for job in islice(jobs.list(VERB), _LOOKED_AT))
    return (table for table in found if table is not None)
