"""After a run: try what it has made, merge it, or try again with less memory where that ran out."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import gradio as gr

from janus_space.job import LIVE, Job
from janus_space.jobs import Jobs
from janus_space.merging import merge_of, proof_of, start_merge
from janus_space.remedies import after_running_out
from janus_space.retry import retry
from janus_space.training import MERGED, VERB, trained
from janus_space.ui import train_after_wording
from janus_space.ui.events import listen
from janus_space.ui.job_panel import SECONDS_BETWEEN_LOOKS, JobPanel, Updates
from janus_space.ui.keyed import live_status
from trainer.config import TrainConfig


class AfterView(NamedTuple):
    """The components below the panel of a run."""

    try_it: gr.Button
    merge: gr.Button
    retry: gr.Button
    merged: gr.HTML
    timer: gr.Timer
    """Looks after a merge, which goes on when its run is long finished."""


def build_after() -> AfterView:
    """Lay out what can be done with a run that has ended."""
    with gr.Row(elem_classes="button-row"):
        try_it = gr.Button("Try it in Compare", visible=False, elem_id="train-try", scale=0, min_width=190)
        merge = gr.Button("Merge to standalone weights", visible=False, elem_id="train-merge", scale=0, min_width=290)
        again = gr.Button("Retry", visible=False, variant="primary", elem_id="train-retry", scale=0, min_width=300)
    merged = live_status(elem_id="train-merged")
    return AfterView(try_it, merge, again, merged, gr.Timer(SECONDS_BETWEEN_LOOKS, active=False))


def shown(view: AfterView, jobs: Jobs, job: Job | None) -> Updates:
    """Offer what fits the state of a run."""
    can_answer = job is not None and any(one.folder == job.folder for one in trained(jobs))
    remedy = None
    if job is not None and job.status == "failed" and not job.is_remote:
        remedy = after_running_out(TrainConfig(**job.request), job.end or {})
    return {
        view.try_it: gr.update(visible=can_answer),
        view.retry: gr.update(visible=remedy is not None, value=f"Retry with {remedy.says}" if remedy else "Retry"),
        **_merging(view, jobs, job if can_answer else None),
    }


def wire_after(view: AfterView, panel: JobPanel, outputs: list[Any]) -> None:
    """Register the listeners; trying is wired by the tab, which knows the columns."""
    jobs, chosen = panel.jobs, panel.view.chosen

    def again(name: str) -> Updates:
        return panel.show(retry(jobs, jobs.find(f"{VERB}/{name}")).name)

    async def start_again(name: str) -> Updates:
        return await asyncio.to_thread(again, name)

    async def merge(name: str) -> Updates:
        run = jobs.find(f"{VERB}/{name}")
        await asyncio.to_thread(start_merge, jobs, run)
        return _merging(view, jobs, run)

    def look(name: str) -> Updates:
        return _merging(view, jobs, jobs.find(f"{VERB}/{name}"))

    merging = [view.merge, view.merged, view.timer]
    listen(view.retry.click, f"{VERB}_retry", start_again, [chosen], outputs)
    listen(view.merge.click, f"{VERB}_merge", merge, [chosen], merging)
    listen(view.timer.tick, f"{VERB}_merging", look, [chosen], merging)


def _merging(view: AfterView, jobs: Jobs, run: Job | None) -> Updates:
    """Offer the merge of an adapter, and say how it stands."""
    merge = merge_of(jobs, run) if run else None
    status = merge.status if merge else None
    is_live = status in LIVE
    is_done = run is not None and status == "finished" and (run.folder / MERGED).is_dir()
    has_adapter = run is not None and run.request.get("tuning") != "full"
    told = ""
    if run and merge and status and (is_done or status != "finished"):
        told = train_after_wording.merged(merge, status, proof_of(run), str(run.folder / MERGED))
    return {
        view.merge: gr.update(visible=has_adapter and not is_live and not is_done),
        view.merged: told,
        view.timer: gr.Timer(active=is_live),
    }
