"""The retry of a rented run from the page, with the tests' own Hub: nothing is paid for before its price was shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from janus_space.errors import PriceNotAccepted
from janus_space.home import Home
from janus_space.job import Job, read_json
from janus_space.jobs import Jobs
from janus_space.remote_train import Rental
from janus_space.retry import retry
from janus_space.ui.job_panel import JobPanel, build_job_panel
from janus_space.ui.train_after import Retrying, build_after, shown
from tests.hub import TOKEN, LocalHub
from tests.janus_space.job_doubles import ended, wait_until
from tests.rented_machines import RentedMachines, rented_machines
from tests.trainer.sample_rows import dataset_folder

HALVED = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
REPOSITORY = "datasets/tester/janus-jobs"
HANDED_BACK = {
    "run-1/in/config.yaml": "method: sft",
    "run-1/out/request.json": "{}",
    "run-1/out/events.jsonl": '{"event": "step", "step": 4, "loss": 2.0, "time": 1.0}\n',
    "run-1/out/checkpoints/checkpoint-4/model.safetensors": "weights",
    "run-1/out/checkpoints/checkpoint-4/trainer_state.json": "{}",
    "run-1/end-1.json": "{}",
}


@pytest.fixture
def rented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LocalHub, RentedMachines]]:
    with rented_machines(tmp_path) as (hub, machines):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        for name, value in {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN}.items():
            monkeypatch.setenv(name, value)
        for name, text in HANDED_BACK.items():
            (tmp_path / "kept" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "kept" / name).write_text(text)
        hub.add(REPOSITORY, tmp_path / "kept", is_private=True)
        yield hub, machines


@pytest.fixture
def out_of_memory(janus_home: Path, tmp_path: Path) -> Job:
    """Write the folder of a rented run that has ended for want of memory, as its worker leaves it."""
    folder = janus_home / "jobs/train/far"
    folder.mkdir(parents=True)
    data = str(dataset_folder(tmp_path / "rows"))
    asked = {"method": "sft", "model": "embedded:smollm2", "dataset": data, "max_steps": 8}
    asked["per_device_train_batch_size"] = 8
    end = {"state": "failed", "kind": "OutOfMemory", "reason": "The memory of cuda is too small.", "cure": HALVED}
    terms = {"flavor": "l4x1", "usd_an_hour": 0.8, "most_hours": 1.5}
    rental = Rental(**terms, repository="tester/janus-jobs", name="run-1", machine="machine0")
    told = {"request": asked, "asked": asked, "exit": end, "remote": rental.model_dump()}
    for name, facts in told.items():
        (folder / f"{name}.json").write_text(json.dumps(facts))
    return Job("train", "far", folder)


def test_a_rented_run_is_retried_at_the_price_that_was_shown(
    rented: tuple[LocalHub, RentedMachines], out_of_memory: Job, janus_home: Path
) -> None:
    hub, machines = rented
    jobs = Jobs(Home.at(janus_home))
    with gr.Blocks():
        view, panel = build_after(), build_job_panel("train")
    retrying = Retrying(view, JobPanel(panel, jobs, "train", lambda *_: "", lambda *_: {}))
    offered = shown(view, jobs, out_of_memory)
    assert offered[view.retry]["value"] == "Retry with half the batch and twice the accumulation"
    assert (offered[view.retry]["visible"], offered[view.rent]["visible"]) == (True, False)
    with pytest.raises(PriceNotAccepted, match=r"costs 1\.20 USD at most"):
        retry(jobs, out_of_memory)
    with pytest.raises(BadRequest, match="not the price that was shown"):
        asyncio.run(retrying.rent(None, "far"))
    priced = asyncio.run(retrying.retry("far"))
    assert "costs 1.20 USD at most" in priced[view.price]
    assert priced[view.rent] == gr.update(visible=True, value="Rent it for at most 1.20 USD")
    dearer = priced[view.offer]._replace(quote=priced[view.offer].quote._replace(usd_an_hour=0.1))
    with pytest.raises(BadRequest, match="not the price that was shown"):
        asyncio.run(retrying.rent(dearer, "far"))
    assert [job.name for job in jobs.list("train")] == ["far"]
    assert not machines.machines

    asyncio.run(retrying.rent(priced[view.offer], "far"))
    second = jobs.find("train/far-2")
    try:
        wait_until(lambda: machines.machines or not second.is_live, 120)
        assert machines.machines, second.log()
    finally:
        jobs.kill(second)
    ended(second)
    (machine,) = machines.machines.values()
    assert (machine.spec["flavor"], machine.spec["timeoutSeconds"]) == ("l4x1", 5400)
    asked = read_json(second.folder / "asked.json") or {}
    assert {name: asked[name] for name in HALVED} == HALVED
    _goes_on_from_the_first(hub, str((read_json(second.folder / "remote.json") or {})["name"]))


def _goes_on_from_the_first(hub: LocalHub, name: str) -> None:
    """Its folder holds the first run's checkpoints and events, and not the settings that were too large."""
    repository = hub.repositories[REPOSITORY]
    files = repository.commits[repository.refs["main"]]
    ours = {path.removeprefix(f"{name}/"): content for path, content in files.items() if path.startswith(f"{name}/")}
    assert ours["out/checkpoints/checkpoint-4/model.safetensors"] == b"weights"
    assert {path for path in ours if path.startswith("out/")} == {
        "out/checkpoints/checkpoint-4/model.safetensors",
        "out/checkpoints/checkpoint-4/trainer_state.json",
        "out/events.jsonl",
    }
    assert b"per_device_train_batch_size: 4" in ours["in/config.yaml"]
    assert files["run-1/in/config.yaml"] == b"method: sft", "the first run keeps its own"
