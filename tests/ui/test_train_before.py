"""Estimates on the page: what would fit changes the form, and what did not fit is not started unawares."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from janus_space import devices
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, build_job_panel
from janus_space.ui.train_before import Before, Taken, devices_html
from janus_space.ui.train_form import FIELDS, TrainForm, build_form, shown_values
from janus_space.votes import VoteBox
from tests.janus_space.job_doubles import ended, wait_until
from tests.trainer.sample_rows import dataset_folder
from trainer.errors import BadConfig
from trainer.estimate import Estimate, Measured

CURE = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
TOO_LARGE = Estimate(
    Measured(fits=False), 2.0, CURE, Measured(True, 1.5, 2.0, 100.0, 50, 0.03), "It does not fit 2.0 GiB as asked."
)


@pytest.fixture
def before(janus_home: Path) -> Before:
    home = Home.at(janus_home)
    house = House(Models(home, EnginePool(home)), devices.machine, "echo:", VoteBox(home.votes_file))
    with gr.Blocks():
        form, view = build_form(house), build_job_panel("train")
    return Before(form, JobPanel(view, Jobs(home), "train", lambda *_: "", lambda *_: {}), house)


def filled(tmp_path: Path, **values: Any) -> list[Any]:
    # No such model: a run that is started ends at once, and is there to be seen.
    given = {"dataset": str(dataset_folder(tmp_path / "rows")), "model": f"path:{tmp_path}/none", "max_steps": "2"}
    shown = {**shown_values("embedded-sft"), "device": "cpu", **given, **values}
    return ["mine", *(shown[name] for name in FIELDS)]


async def told(updates: AsyncIterator[dict[Any, Any]]) -> list[dict[Any, Any]]:
    return [one async for one in updates]


def test_a_button_changes_the_form(before: Before, tmp_path: Path) -> None:
    taken = Taken(TrainForm.of_values(filled(tmp_path)).config(before.house.models), TOO_LARGE)
    updates = before.change({"key": "0"}, taken)
    by_name = {name: updates.get(field) for name, field in zip(FIELDS, before.form.fields, strict=True)}
    assert {name: value for name, value in by_name.items() if value is not None} == {
        "per_device_train_batch_size": "1",
        "gradient_accumulation_steps": 4,
    }
    assert "Start measures again" in updates[before.form.estimated]
    for key in ("9", "x", None):
        assert before.change({"key": key}, taken) == {before.form.estimated: ""}


def test_what_did_not_fit_is_warned_of_once_and_then_started(before: Before, tmp_path: Path) -> None:
    values = filled(tmp_path)
    taken = Taken(TrainForm.of_values(values).config(before.house.models), TOO_LARGE)
    seen: list[dict[Any, Any]] = []

    async def start(last: Taken) -> None:
        async for updates in before.start(last, *values):
            seen.append(updates)

    with pytest.raises(BadConfig, match="press Start once more"):
        asyncio.run(start(taken))
    assert Jobs(before.house.models.home).list() == []
    (warned,) = (updates[before.form.taken] for updates in seen)
    asyncio.run(start(warned))
    (job,) = Jobs(before.house.models.home).list("train")
    assert job.name == "mine"
    wait_until(lambda: job.status == "running")
    Jobs(before.house.models.home).kill(job)
    ended(job)


def test_what_is_changed_after_it_did_not_fit_is_measured_before_it_starts(before: Before, tmp_path: Path) -> None:
    taken = Taken(TrainForm.of_values(filled(tmp_path, max_steps="3")).config(before.house.models), TOO_LARGE)
    seen: list[dict[Any, Any]] = []

    async def start() -> None:
        async for updates in before.start(taken, *filled(tmp_path)):
            seen.append(updates)

    with pytest.raises(Exception, match="none"):  # the dry run has no model to load
        asyncio.run(start())
    assert [("Measuring" in updates[before.form.estimated]) for updates in seen] == [True, False]
    assert Jobs(before.house.models.home).list() == []


def test_devices_are_listed_with_what_they_work_on(before: Before) -> None:
    jobs = before.panel.jobs
    assert "No GPU is attached" in devices_html(before.house, jobs)
    assert "busy with" not in devices_html(before.house, jobs)
    job = jobs.create("train", {"method": "sft"}, jobs.home.jobs / "train" / "long<run>")
    mark = _mark(os.getpid())
    (job.folder / "process.json").write_text(
        json.dumps({"supervisor": mark, "worker": mark, "devices": ["cpu"], "asked_at": 1.0})
    )
    assert "busy with long&lt;run&gt;" in devices_html(before.house, jobs)


def _mark(pid: int) -> dict[str, Any]:
    from janus_space.processes import ProcessMark

    found = ProcessMark.of(pid)
    assert found is not None
    return found.as_dict()
