"""Long work in words: a list of jobs, how one stands, its bar and its log. HTML made here, foreign text escaped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from html import escape

from janus_space.job import Job, Status

SIGNS: dict[Status, str] = {
    "queued": "waiting",
    "running": "running",
    "stopping": "stopping",
    "finished": "finished",
    "failed": "failed",
    "stopped": "stopped",
    "lost": "lost",
}
_SENTENCES: dict[Status, str] = {
    "queued": "Waiting for its turn.",
    "running": "Running. It goes on when you close this page.",
    "stopping": "Stopping: what is under way is finished first.",
    "finished": "Finished.",
    "stopped": "Stopped. All that was done is kept; Resume goes on from there.",
    "lost": "Its process is gone: a crash, a kill, or a restart of the machine. What was done is kept; Resume goes on.",
    "failed": "It failed.",
}
NO_JOBS = (
    "<div class='empty'><p>No job yet. What you start appears here, and goes on when you close the page.</p></div>"
)


def listed(jobs: Iterable[Job], statuses: Mapping[str, Status], chosen: str) -> str:
    """List jobs as buttons, the chosen one marked."""
    rows = "".join(
        f"<li><button type='button' data-key='{escape(job.name)}' aria-pressed='{str(job.name == chosen).lower()}'>"
        f"<span class='name'>{escape(job.name)}</span> {sign(statuses[job.id])}"
        f"<span class='when'>{_when(job.asked_at)}</span></button></li>"
        for job in jobs
    )
    return f"<ul class='job-list' aria-label='Jobs, newest first'>{rows}</ul>" if rows else NO_JOBS


def sign(status: Status) -> str:
    """Name a status in a word, with its colour."""
    return f"<span class='sign {status}'>{SIGNS[status]}</span>"


def headline(job: Job, status: Status, waits_for: Job | None) -> str:
    """Say in one sentence how a job stands, and what to do."""
    end = job.end or {}
    told = _SENTENCES[status]
    if status == "queued" and waits_for is not None:
        told = f"Waiting for its turn, behind {waits_for.name}."
    elif status == "running" and job.is_asked_to_pause:
        told = "Paused: nothing more is asked until it goes on. What is under way is finished."
    elif status in ("failed", "stopped") and end.get("reason"):
        told = str(end["reason"])
    elif end.get("state") == "estimated" and status == "stopped":
        told = "Estimated on a sample, whose answers are kept. Resume does all of it."
    return f"<p class='status-line {status}'>{escape(told)}</p>"


def bar(done: int, of: int, label: str) -> str:
    """Draw how far it is."""
    share = f"{done / of:.0%}" if of else ""
    return (
        f"<div class='job-bar'><progress max='{max(of, 1)}' value='{min(done, of)}' aria-label='{escape(label)}'>"
        f"</progress><span class='share'>{share}</span></div>"
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Write figures beside their names."""
    told = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f"<dl class='job-facts'>{told}</dl>"


def log(lines: Iterable[str]) -> str:
    """Show the end of a log."""
    text = "\n".join(lines) or "Nothing is logged yet."
    return f"<pre class='job-log' tabindex='0' aria-label='Log'>{escape(text)}</pre>"


def last_event(lines: list[str]) -> str:
    """Show the newest line of the log, where it can be read without opening it."""
    return f"<p class='last-event'>{escape(lines[-1])}</p>" if lines else ""


def duration(seconds: float) -> str:
    """Write a time as people say it: 40 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _when(seconds: float) -> str:
    then, now = time.localtime(seconds), time.localtime()
    is_today = then[:3] == now[:3]
    return time.strftime("%H:%M" if is_today else "%d %b, %H:%M", then)
