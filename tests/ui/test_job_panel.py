"""The panel reads folders; how it works with real jobs is in the browser's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from janus_space.home import Home
from janus_space.job import Job, Status, write_json
from janus_space.jobs import Jobs
from janus_space.ui.job_panel import JobPanel, JobPanelView, build_job_panel
from tests.janus_space.test_jobs import alive


@pytest.fixture
def view() -> JobPanelView:
    with gr.Blocks():
        return build_job_panel("augment")


@pytest.fixture
def jobs(janus_home: Path) -> Jobs:
    jobs = Jobs(Home.at(janus_home))
    for name, asked_at, end in (("old", 1.0, "failed"), ("new", 2.0, "done")):
        folder = jobs.home.jobs / "augment" / name
        folder.mkdir(parents=True)
        write_json(folder / "request.json", {})
        write_json(folder / "process.json", {"asked_at": asked_at})
        write_json(folder / "exit.json", {"state": end})
    return jobs


def panel(view: JobPanelView, jobs: Jobs, seen: list[Any]) -> JobPanel:
    def details(job: Job | None, status: Status | None, is_new: bool) -> dict[Any, Any]:
        seen.append((job and job.name, status, is_new))
        return {}

    return JobPanel(view, jobs, "augment", lambda job, status: "", details)


def test_the_newest_job_is_shown_until_another_is_chosen(view: JobPanelView, jobs: Jobs) -> None:
    seen: list[Any] = []
    shown = panel(view, jobs, seen).show("")
    assert shown[view.chosen] == "new"
    assert not shown[view.timer].active
    assert not shown[view.resume]["visible"]
    chosen = panel(view, jobs, seen).show("old", shown[view.shown])
    assert chosen[view.chosen] == "old"
    assert chosen[view.resume]["visible"]
    panel(view, jobs, seen).show("old", chosen[view.shown])
    assert seen == [("new", "finished", True), ("old", "failed", True), ("old", "failed", False)]


def test_it_looks_again_only_while_something_runs(view: JobPanelView, jobs: Jobs) -> None:
    running = jobs.home.jobs / "augment" / "old" / "process.json"
    write_json(running, {"supervisor": alive(), "worker": alive(), "asked_at": 1.0})
    shown = panel(view, jobs, []).show("old")
    assert shown[view.timer].active
    assert [shown[button]["visible"] for button in (view.pause, view.stop, view.kill, view.resume)] == [
        *(True, True, True),
        False,
    ]
    (running.parent / "pause").touch()
    assert panel(view, jobs, []).show("old")[view.pause]["value"] == "Go on"
    (running.parent / "stop").touch()
    assert not panel(view, jobs, []).show("old")[view.stop]["visible"]


def test_without_jobs_there_is_no_panel(view: JobPanelView, janus_home: Path) -> None:
    shown = panel(view, Jobs(Home.at(janus_home)), []).show("")
    assert not shown[view.panel]["visible"]
    assert "No job yet" in shown[view.listed]
