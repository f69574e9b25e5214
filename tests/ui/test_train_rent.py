"""Renting a machine from the page, against the tests' own Hub: nothing is paid for before its price was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from janus_space import devices
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.job import read_json
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.ui.house import House
from janus_space.ui.job_panel import JobPanel, build_job_panel
from janus_space.ui.train_form import FIELDS, shown_values
from janus_space.ui.train_rent import Renting, build_rent
from janus_space.votes import VoteBox
from tests.hub import TOKEN
from tests.janus_space.job_doubles import ended
from tests.rented_machines import rented_machines
from tests.trainer.sample_rows import dataset_folder


@pytest.fixture
def renting(janus_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Renting]:
    home = Home.at(janus_home)
    house = House(Models(home, EnginePool(home)), devices.machine, "echo:", VoteBox(home.votes_file))
    with gr.Blocks():
        view, panel = build_rent(), build_job_panel("train")
    with rented_machines(tmp_path) as (hub, _):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield Renting(view, JobPanel(panel, Jobs(home), "train", lambda *_: "", lambda *_: {}), house)


def filled(tmp_path: Path, flavor: str = "l4x1", hours: str = "", **values: Any) -> list[Any]:
    rows = str(dataset_folder(tmp_path / "rows"))
    shown = {**shown_values("embedded-sft"), "dataset": rows, **values}
    return [flavor, hours, "far", *(shown[name] for name in FIELDS)]


def test_a_machine_is_rented_only_for_what_its_price_was_shown_for(renting: Renting, tmp_path: Path) -> None:
    view, jobs = renting.view, renting.panel.jobs
    listed = asyncio.run(renting.enter())[view.flavor]["choices"]
    assert listed[1] == ("l4x1: 1 × L4, 24 GB, 0.80 USD an hour", "l4x1")
    shown = asyncio.run(renting.price(*filled(tmp_path, hours="1,5")))
    assert "costs 1.20 USD at most" in shown[view.told]
    assert shown[view.rent]["value"] == "Rent it for at most 1.20 USD"
    for offer, values in (
        (None, filled(tmp_path, hours="1.5")),
        (shown[view.offer], filled(tmp_path, hours="9")),
        (shown[view.offer], filled(tmp_path, hours="1.5", max_steps="9999")),
    ):
        with pytest.raises(BadRequest, match="look at the price again"):
            asyncio.run(renting.rent(offer, *values))
    assert jobs.list() == []
    told = asyncio.run(renting.rent(shown[view.offer], *filled(tmp_path, hours="1.5")))
    (job,) = jobs.list("train")
    try:
        assert (job.name, job.is_remote) == ("far", True)
        rental = read_json(job.folder / "remote.json") or {}
        assert (rental["flavor"], rental["most_hours"]) == ("l4x1", 1.5)
        assert told[view.offer] is None, "the next one has to be looked at again"
        assert TOKEN not in "".join(path.read_text("utf-8") for path in job.folder.glob("*.json"))
    finally:
        jobs.kill(job)
        ended(job)


def test_what_is_missing_is_said(renting: Renting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequest, match="Choose a machine first"):
        asyncio.run(renting.price(*filled(tmp_path, flavor="")))
    with pytest.raises(BadRequest, match="'a while' is no time to pay for"):
        asyncio.run(renting.price(*filled(tmp_path, hours="a while")))
    with pytest.raises(BadRequest, match="'9000' is no time to pay for"):
        asyncio.run(renting.price(*filled(tmp_path, hours="9000")))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "The Hub does not answer" in asyncio.run(renting.enter())[renting.view.told]
