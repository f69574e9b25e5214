"""The panel of long work, the same for every verb: which jobs there are, how the chosen one stands, and its brakes.

It reads the job's folder and holds nothing: after a reload, or a restart of the app, it shows the same. A timer asks
again only while something runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from janus_space.job import LIVE, Job, Status
from janus_space.jobs import CAN_PAUSE, Jobs
from janus_space.ui import job_wording
from janus_space.ui.events import listen
from janus_space.ui.keyed import keyed_buttons, live_status

SECONDS_BETWEEN_LOOKS = 2.0
MOST_LISTED = 30

Updates = dict[Any, Any]


class JobPanelView(NamedTuple):
    """The components of the panel."""

    listed: gr.HTML
    panel: gr.Column
    name: gr.HTML
    headline: gr.HTML
    figures: gr.HTML
    pause: gr.Button
    stop: gr.Button
    resume: gr.Button
    kill: gr.Button
    log: gr.HTML
    timer: gr.Timer
    chosen: gr.State
    """Name of the job that is shown; empty for the newest."""
    shown: gr.State
    """What of it is shown, so that a poll redraws only what has changed."""


def build_job_panel(verb: str) -> JobPanelView:
    """Lay out the panel."""
    with gr.Column(elem_classes="job-panel", elem_id=f"{verb}-jobs"):
        gr.HTML("<h3>Jobs</h3>")
        listed = keyed_buttons(job_wording.NO_JOBS, elem_classes="jobs")
        with gr.Column(visible=False, elem_classes="job") as panel:
            name = gr.HTML()
            headline = live_status(elem_id=f"{verb}-headline")
            figures = gr.HTML(elem_classes="figures")
            with gr.Row(elem_classes="button-row"):
                pause = gr.Button("Pause", size="sm", visible=False, elem_classes="quiet")
                stop = gr.Button("Stop", size="sm", visible=False, elem_classes="quiet")
                resume = gr.Button("Resume", size="sm", visible=False, elem_classes="quiet")
                kill = gr.Button("Kill", size="sm", visible=False, elem_classes="quiet")
            with gr.Accordion("Log", open=False, elem_classes="drawer"):
                log = gr.HTML()
    timer = gr.Timer(SECONDS_BETWEEN_LOOKS, active=False)
    return JobPanelView(
        listed, panel, name, headline, figures, pause, stop, resume, kill, log, timer, gr.State(""), gr.State("")
    )


@dataclass(frozen=True)
class JobPanel:
    """The panel at work. What only a verb knows, it says itself: figures in HTML, and updates of its own parts."""

    view: JobPanelView
    jobs: Jobs
    verb: str
    figures: Callable[[Job, Status], str]
    details: Callable[[Job | None, Status | None, bool], Updates]
    """Called with whether job or status have changed since the last look."""

    def show(self, chosen: str, shown: str = "") -> Updates:
        """Bring everything up to what the folders say."""
        view, jobs = self.view, self.jobs.list(self.verb)[:MOST_LISTED]
        statuses = {job.id: job.status for job in jobs}
        job = next((one for one in jobs if one.name == chosen), jobs[0] if jobs else None)
        updates: Updates = {
            view.listed: job_wording.listed(jobs, statuses, job.name if job else ""),
            view.panel: gr.update(visible=job is not None),
            view.timer: gr.Timer(active=any(status in LIVE for status in statuses.values())),
        }
        if job is None:
            return updates | self.details(None, None, shown != "") | {view.shown: ""}
        status = statuses[job.id]
        now = f"{job.id} {status} {job.asked_at}"
        return updates | self._shown(job, status) | self.details(job, status, now != shown) | {view.shown: now}

    def _shown(self, job: Job, status: Status) -> Updates:
        view, log = self.view, job.log()
        waits_for = self.jobs.must_wait_for(job) if status == "queued" else None
        is_estimated = (job.end or {}).get("state") == "estimated"
        return {
            view.chosen: job.name,
            view.name: f"<h3>{escape(job.name)} {job_wording.sign(status)}</h3>",
            view.headline: job_wording.headline(job, status, waits_for),
            view.figures: self.figures(job, status) + job_wording.last_event(log),
            view.pause: gr.update(
                visible=status == "running" and self.verb in CAN_PAUSE,
                value="Go on" if job.is_asked_to_pause else "Pause",
            ),
            view.stop: gr.update(visible=status in ("queued", "running")),
            view.resume: gr.update(
                visible=status in ("stopped", "failed", "lost"), value="Do all of it" if is_estimated else "Resume"
            ),
            view.kill: gr.update(visible=status in ("running", "stopping")),
            view.log: job_wording.log(log),
        }

    def wire(
        self,
        opening: Any,
        outputs: list[Any],
        visitor: gr.State,
        start: Callable[[Job, str], Any],
    ) -> None:
        """Register the listeners; `opening` shows the panel, `start` goes on with a job for a visitor."""
        view, jobs, verb = self.view, self.jobs, self.verb

        async def look(chosen: str, shown: str) -> Updates:
            return await asyncio.to_thread(self.show, chosen, shown)

        async def open_tab(chosen: str) -> Updates:
            return await look(chosen, "")

        async def pick(data: Mapping[str, Any]) -> Updates:
            return await look(str(data.get("key", "")), "")

        async def stop(chosen: str) -> Updates:
            jobs.stop(jobs.find(f"{verb}/{chosen}"))
            return await look(chosen, "")

        async def pause(chosen: str) -> Updates:
            job = jobs.find(f"{verb}/{chosen}")
            jobs.pause(job, not job.is_asked_to_pause)
            return await look(chosen, "")

        async def kill(chosen: str) -> Updates:
            jobs.kill(jobs.find(f"{verb}/{chosen}"))
            await asyncio.sleep(0.5)  # the supervisor needs a moment to write down how it ended
            return await look(chosen, "")

        async def resume(chosen: str, visitor_id: str) -> Updates:
            await asyncio.to_thread(start, jobs.find(f"{verb}/{chosen}"), visitor_id)
            return await look(chosen, "")

        everything = [*self.outputs, *outputs]
        listen(opening, f"{verb}_open", open_tab, [view.chosen], everything)
        listen(view.timer.tick, f"{verb}_poll", look, [view.chosen, view.shown], everything)
        listen(view.listed.select, f"{verb}_pick", pick, [], everything)
        listen(view.pause.click, f"{verb}_pause", pause, [view.chosen], everything)
        listen(view.stop.click, f"{verb}_stop", stop, [view.chosen], everything)
        listen(view.kill.click, f"{verb}_kill", kill, [view.chosen], everything)
        listen(view.resume.click, f"{verb}_resume", resume, [view.chosen, visitor], everything)

    @property
    def outputs(self) -> list[Any]:
        return list(self.view)
