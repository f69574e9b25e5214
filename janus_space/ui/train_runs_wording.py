"""Training runs side by side: their curves over each other, and the knobs in which they differ. HTML made here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from janus_space.curves import Line, curves, points
from janus_space.job import Job
from janus_space.run_table import differences
from janus_space.ui import job_wording

_STYLES = ("run-a", "run-b", "run-c", "run-d")
MOST_RUNS = len(_STYLES)
_CURVE_BYTES = 8 * 2**20


def runs_compared(jobs: Sequence[Job]) -> str:
    """Draw the curves of runs over each other, and write down what is not the same in all of them."""
    if len(jobs) < 2:
        return "<p class='hint'>Choose two runs or more, finished or running.</p>" if jobs else ""
    events = [job.events(_CURVE_BYTES) for job in jobs]
    steps = max((_steps(told) for told in events), default=0)
    methods = {str(job.request.get("method")) for job in jobs}
    note = (
        f"<p class='hint'>Losses of different methods ({', '.join(sorted(methods))}) measure different things: compare"
        " the steerability margin.</p>"
        if len(methods) > 1
        else ""
    )
    return (
        curves("Loss", list(_lines(jobs, events, "step", "loss")), steps)
        + note
        + curves("Steerability margin (nats a token)", list(_lines(jobs, events, "steerability", "margin")), steps)
        + _table(jobs)
    )


def _lines(jobs: Sequence[Job], events: Sequence[list[dict[str, Any]]], kind: str, name: str) -> Iterable[Line]:
    for job, told, style in zip(jobs, events, _STYLES, strict=False):
        yield Line(job.name, style, list(points([one for one in told if one.get("event") == kind], name)))


def _steps(events: Sequence[Mapping[str, Any]]) -> int:
    started: Mapping[str, Any] = next((event for event in reversed(events) if event.get("event") == "started"), {})
    return int(started.get("max_steps", 0))


def _table(jobs: Sequence[Job]) -> str:
    names = "".join(
        f"<th scope='col' class='{style}'>{escape(job.name)} {job_wording.sign(job.status)}</th>"
        for job, style in zip(jobs, _STYLES, strict=False)
    )
    rows = "".join(
        f"<tr><th scope='row'>{escape(one.knob)}</th>{''.join(map(_cell, one.values))}</tr>"
        for one in differences(jobs)
    )
    if not rows:
        return "<p class='hint'>Their configs are the same in every knob.</p>"
    return (
        "<p class='hint'>Only what is not the same in all of them</p>"
        "<div class='table-frame' tabindex='0' role='region' aria-label='Differences of the configs'>"
        f"<table><thead><tr><th scope='col'>Knob</th>{names}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    told = f"{value:g}" if isinstance(value, float) else str(value)
    if value is None or isinstance(value, bool):
        told = {None: "—", True: "on", False: "off"}[value]
    return f"<td>{escape(told)}</td>"
