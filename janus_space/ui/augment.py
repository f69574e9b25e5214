"""The Augment tab: from instructions and a teacher to a job, its rows as they come, its quality, and its review."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from data_gen.open_teacher import LEDGER
from data_gen.openai_spec import parse_openai_spec
from data_gen.quality import QualityReport
from data_gen.records import GrownRecord
from janus_space import attribution
from janus_space.augment_order import VERB, check, go_on, start_augment
from janus_space.job import LIVE, Job, Status
from janus_space.jobs import Jobs
from janus_space.review import ReviewBook
from janus_space.ui import augment_wording, quality_wording, wording
from janus_space.ui.augment_form import AugmentForm, FormView, build_form, wire_form
from janus_space.ui.compare import CompareView
from janus_space.ui.events import listen
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, Updates, build_job_panel
from janus_space.ui.review_panel import Place, ReviewTable, build_review
from janus_space.ui.sunburst import counted_sectors, sunburst
from janus_space.ui.take_over import Offer
from janus_space.ui.visitor_keys import VisitorKeys, new_visitor

INTRO = """
<h2>Grow a collection</h2>
<p>From your instructions, a teacher model imagines people with different preferences, writes a system message for each,
and answers as that person would want it: data that teaches a model to follow system messages it has never seen.</p>
"""
LOOK_JS = "() => document.getElementById('augment-work').scrollIntoView({ block: 'nearest' })"
OFFERS = {
    "use-for-training": "Use for training",
    "use-for-benchmark": "Benchmark with it",
    "use-for-publishing": "Publish it",
}
_MOST_LEDGERS = 8
HOSTED = "On this hosted Space nobody starts long work: run Janus Space on your own machine, where this tab grows data."


class _Parts(NamedTuple):
    """What of a job only this verb shows."""

    sample: gr.HTML
    report_panel: gr.Column
    report: gr.HTML
    picture: gr.HTML
    train: gr.Button
    bench: gr.Button
    publish: gr.Button


class AugmentView(NamedTuple):
    """What this tab offers to others: the dataset of the job that is shown, to each by a button of its own."""

    train: Offer
    bench: Offer
    publish: Offer


def build(tab: gr.Tab, house: House, compared: CompareView) -> AugmentView:
    """Lay out the tab and register its listeners; `tab` is what shows it."""
    is_hosted = not house.can_have_owner
    with gr.Column(elem_id="augment"):
        gr.HTML(INTRO + (wording.note(HOSTED) if is_hosted else ""), elem_classes="intro")
        with gr.Column(visible=not is_hosted, elem_id="augment-room"):
            with gr.Row(elem_id="augment-bench", equal_height=False):
                form = build_form(house)
                with gr.Column(elem_id="augment-work"):
                    panel_view = build_job_panel(VERB)
            parts = _build_parts()
            review_view = build_review()
    jobs = Jobs(house.models.home)
    review = ReviewTable(review_view, jobs, VERB)
    panel = JobPanel(panel_view, jobs, VERB, augment_wording.figures, _Shown(parts, review).details)

    def resume(job: Job, visitor: str) -> None:
        go_on(jobs, job, keys=compared.keys.of(visitor))

    # Where everybody is a stranger, opening the tab asks for nothing that would be refused.
    opening = panel_view.stop.click if is_hosted else tab.select
    panel.wire(opening, [*parts, *review.outputs], compared.visitor, resume)
    review.wire(panel_view.chosen)
    wire_form(form)
    _wire_key(form, compared)
    _wire_start(form, panel, compared, [*panel.outputs, *parts, *review.outputs])
    return AugmentView(*(Offer(button, panel_view.chosen) for button in (parts.train, parts.bench, parts.publish)))


def _build_parts() -> _Parts:
    sample = gr.HTML(elem_id="augment-sample")
    with gr.Column(visible=False, elem_id="quality") as panel:
        report = gr.HTML(elem_id="quality-figures")
        picture = sunburst([], elem_id="coverage")
        with gr.Row(elem_classes="button-row"):
            offers = [
                gr.Button(label, elem_id=elem_id, elem_classes="quiet", scale=0, min_width=170)
                for elem_id, label in OFFERS.items()
            ]
    return _Parts(sample, panel, report, picture, *offers)


@dataclass(frozen=True)
class _Shown:
    """What is shown of a job below its panel."""

    parts: _Parts
    review: ReviewTable

    def details(self, job: Job | None, status: Status | None, is_new: bool) -> Updates:
        """Show the newest rows while it runs; the report and the table once it has ended."""
        if job is None or status in LIVE:
            updates: Updates = {self.parts.sample: _live_rows(job) if job else ""}
            if is_new:
                updates |= {self.parts.report_panel: gr.update(visible=False)} | self.review.show(None, Place())
            return updates
        if not is_new:
            return {}
        return (
            {self.parts.sample: "" if _has_rows(job) else _live_rows(job)}
            | self._report(job)
            | (self.review.show(job.folder, Place()))
        )

    def _report(self, job: Job) -> Updates:
        parts, path = self.parts, job.folder / "dataset" / "quality.json"
        if not path.exists() or not _has_rows(job):
            return {parts.report_panel: gr.update(visible=False)}
        found = QualityReport.model_validate_json(path.read_text("utf-8"))
        sectors = counted_sectors(quality_wording.coverage_counts(found.coverage))
        return {
            parts.report_panel: gr.update(visible=True),
            parts.report: quality_wording.report(found, attribution.read(path.parent)),
            parts.picture: gr.update(sectors=sectors),
        }


def _live_rows(job: Job) -> str:
    events = job.events()
    grown = (one["row"] for one in reversed(events) if one.get("event") == "row")
    records = [GrownRecord.model_validate(row) for row in islice(grown, augment_wording.LIVE_ROWS)]
    set_aside = [one["row"] for one in reversed(events) if one.get("event") == "quarantined"][:3]
    return augment_wording.cards(records, "The newest rows") + augment_wording.quarantined(set_aside)


def _has_rows(job: Job) -> bool:
    return next(iter(ReviewBook(job.folder).rows()), None) is not None if _is_written(job) else False


def _is_written(job: Job) -> bool:
    return (job.folder / "dataset" / "sft.jsonl").exists()


def _wire_key(form: FormView, compared: CompareView) -> None:
    """Let the visitor lend a key for the teacher's address: it goes into memory, and its box is cleared at once."""

    def keep_key(visitor_id: str, teacher: str, key: str) -> dict[Any, Any]:
        mine = visitor_id or new_visitor()
        address = compared.keys.keep(mine, parse_openai_spec(teacher or "").base_url, (key or "").strip())
        told = "is set for this visit" if (key or "").strip() else "is forgotten"
        return {compared.visitor: mine, form.key: "", form.key_note: wording.note(f"The key for {address} {told}.")}

    outputs = [compared.visitor, form.key, form.key_note]
    listen(form.keep_key.click, f"{VERB}_key", keep_key, [compared.visitor, form.teacher, form.key], outputs)


def _wire_start(form: FormView, panel: JobPanel, compared: CompareView, outputs: list[Any]) -> None:
    def start(is_estimate: bool, visitor: str, values: tuple[Any, ...]) -> Updates:
        job = begin(panel.jobs, AugmentForm.of_values(values), compared.keys, visitor, is_estimate=is_estimate)
        return panel.show(job.name)

    async def start_all(visitor: str, *values: Any) -> Updates:
        return await asyncio.to_thread(start, False, visitor, values)

    async def estimate(visitor: str, *values: Any) -> Updates:
        return await asyncio.to_thread(start, True, visitor, values)

    asked = [compared.visitor, *form.fields]
    started = listen(form.start.click, f"{VERB}_start", start_all, asked, outputs)
    estimated = listen(form.estimate.click, f"{VERB}_estimate", estimate, asked, outputs)
    listen(started.success, f"{VERB}_look_at_job", None, js=LOOK_JS)
    listen(estimated.success, f"{VERB}_look_at_estimate", None, js=LOOK_JS)


def _ledgers(jobs: Jobs) -> tuple[Path, ...]:
    """Name the newest jobs that paid for answers: what they asked is not paid again."""
    paid = (job.folder for job in jobs.list(VERB) if (job.folder / LEDGER).is_file())
    return tuple(islice(paid, _MOST_LEDGERS))


def begin(jobs: Jobs, form: AugmentForm, keys: VisitorKeys, visitor: str, *, is_estimate: bool = False) -> Job:
    """Write a job's instructions into its folder and start it; raise `BadRequest` for a form that cannot be done."""
    form.given.check()
    check(form.request(form.given.name))
    folder = jobs.new_folder(VERB, form.name)
    request = form.request(form.given.kept_in(folder / "given"), reuse=_ledgers(jobs))
    return start_augment(jobs, request, folder, is_estimate=is_estimate, keys=keys.of(visitor))
