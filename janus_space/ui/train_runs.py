"""Runs side by side on the Train tab: choose some, see their curves over each other and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from janus_space.jobs import Jobs
from janus_space.training import VERB
from janus_space.ui.events import listen
from janus_space.ui.job_panel import MOST_LISTED, Updates
from janus_space.ui.train_runs_wording import MOST_RUNS, runs_compared


class RunsView(NamedTuple):
    """The components of the drawer."""

    chosen: gr.Dropdown
    compared: gr.HTML


def build_runs() -> RunsView:
    """Lay out the drawer, closed."""
    with gr.Accordion("Compare runs", open=False, elem_classes="drawer", elem_id="train-runs"):
        chosen = gr.Dropdown(
            [],
            value=[],
            multiselect=True,
            max_choices=MOST_RUNS,
            label="Runs",
            info=f"Up to {MOST_RUNS}, finished or running",
            elem_id="train-runs-chosen",
        )
        return RunsView(chosen, gr.HTML(elem_id="train-runs-compared"))


def wire_runs(view: RunsView, jobs: Jobs, opening: Any, timer: gr.Timer) -> None:
    """Register the listener: whatever is chosen is drawn, and drawn again while something runs."""

    def compare(chosen: Sequence[str] | None) -> Updates:
        listed = jobs.list(VERB)[:MOST_LISTED]
        runs = [job for name in chosen or () for job in listed if job.name == name]
        return {
            view.chosen: gr.update(choices=[job.name for job in listed]),
            view.compared: runs_compared(runs[:MOST_RUNS]),
        }

    changes = [opening, view.chosen.change, timer.tick]
    listen(changes, f"{VERB}_runs", compare, [view.chosen], [view.chosen, view.compared], trigger_mode="always_last")
