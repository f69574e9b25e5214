"""After a run: try what it has made, merge it, or try again with less memory where that ran out.

The retry of a rented run costs money: its price is shown first, and only the click after that rents a machine.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from data_gen.errors import BadRequest
from janus_space.job import LIVE, Job
from janus_space.jobs import Jobs
from janus_space.merging import merge_of, proof_of, start_merge
from janus_space.remedies import after_running_out
from janus_space.retry import price_of_retry, retry
from janus_space.training import MERGED, VERB
from janus_space.ui import train_after_wording, wording
from janus_space.ui.events import listen
from janus_space.ui.job_panel import SECONDS_BETWEEN_LOOKS, JobPanel, Updates
from janus_space.ui.keyed import live_status
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from janus_space.remote_price import Quote

ANOTHER_PRICE = "This is not the price that was shown: click Retry, and look at it again."


class AfterView(NamedTuple):
    """The components below the panel of a run."""

    try_it: gr.Button
    merge: gr.Button
    retry: gr.Button
    rent: gr.Button
    """Retries on a rented machine, at the price that is shown."""
    price: gr.HTML
    offer: gr.State
    """What was shown with its price."""
    merged: gr.HTML
    timer: gr.Timer
    """Looks after a merge, which goes on when its run is long finished."""


class Offer(NamedTuple):
    """A rented run, and what its retry was said to cost."""

    job: str
    quote: Quote


def build_after() -> AfterView:
    """Lay out what can be done with a run that has ended."""
    with gr.Row(elem_classes="button-row"):
        try_it = gr.Button("Try it in Compare", visible=False, elem_id="train-try", scale=0, min_width=190)
        merge = gr.Button("Merge to standalone weights", visible=False, elem_id="train-merge", scale=0, min_width=290)
        again = gr.Button("Retry", visible=False, variant="primary", elem_id="train-retry", scale=0, min_width=300)
        rent = gr.Button(
            "Rent it", visible=False, variant="primary", elem_id="train-retry-rent", scale=0, min_width=260
        )
    price = live_status(elem_id="train-retry-price")
    merged = live_status(elem_id="train-merged")
    timer = gr.Timer(SECONDS_BETWEEN_LOOKS, active=False)
    return AfterView(try_it, merge, again, rent, price, gr.State(None), merged, timer)


def shown(view: AfterView, jobs: Jobs, job: Job | None) -> Updates:
    """Offer what fits the state of a run."""
    has_result = job is not None and job.status == "finished" and "result" in (job.end or {})
    can_answer = has_result and job is not None and job.request.get("method") != "reward"
    remedy = None
    if job is not None and job.status == "failed":
        remedy = after_running_out(TrainConfig(**job.request), job.end or {})
    return {
        view.try_it: gr.update(visible=can_answer),
        view.retry: gr.update(visible=remedy is not None, value=f"Retry with {remedy.says}" if remedy else "Retry"),
        view.rent: gr.update(visible=False),
        view.price: "",
        view.offer: None,
        **_merging(view, jobs, job if has_result else None),
    }


class Retrying(NamedTuple):
    """The listeners of a retry."""

    view: AfterView
    panel: JobPanel

    async def retry(self, name: str) -> Updates:
        """Start a run of this machine again; of a rented one, say the price, and rent nothing yet."""
        return await asyncio.to_thread(self._retry, name)

    async def rent(self, offered: Offer | None, name: str) -> Updates:
        """Start a rented run again at the price that was shown."""
        return await asyncio.to_thread(self._rent, offered, name)

    def _retry(self, name: str) -> Updates:
        job = self.panel.jobs.find(f"{VERB}/{name}")
        if not job.is_remote:
            return self.panel.show(retry(self.panel.jobs, job).name)
        found = price_of_retry(job)
        return {
            self.view.price: wording.note(found.sentence),
            self.view.rent: gr.update(visible=True, value=f"Rent it for at most {found.most_usd:.2f} USD"),
            self.view.offer: Offer(job.id, found),
        }

    def _rent(self, offered: Offer | None, name: str) -> Updates:
        job = self.panel.jobs.find(f"{VERB}/{name}")
        if offered != Offer(job.id, price_of_retry(job)):
            raise BadRequest(ANOTHER_PRICE)
        return self.panel.show(retry(self.panel.jobs, job, accepts_price=True).name)


def wire_after(view: AfterView, panel: JobPanel, outputs: list[Any]) -> None:
    """Register the listeners; trying is wired by the tab, which knows the columns."""
    jobs, chosen = panel.jobs, panel.view.chosen

    retrying = Retrying(view, panel)

    async def merge(name: str) -> Updates:
        run = jobs.find(f"{VERB}/{name}")
        await asyncio.to_thread(start_merge, jobs, run)
        return _merging(view, jobs, run)

    def look(name: str) -> Updates:
        return _merging(view, jobs, jobs.find(f"{VERB}/{name}"))

    merging = [view.merge, view.merged, view.timer]
    listen(view.retry.click, f"{VERB}_retry", retrying.retry, [chosen], outputs)
    listen(view.rent.click, f"{VERB}_retry_rent", retrying.rent, [view.offer, chosen], outputs)
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
        method = str(run.request.get("method"))
        told = train_after_wording.merged(merge, status, proof_of(run), str(run.folder / MERGED), method)
    return {
        view.merge: gr.update(visible=has_adapter and not is_live and not is_done),
        view.merged: told,
        view.timer: gr.Timer(active=is_live),
    }
