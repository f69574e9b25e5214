"""What the tab does with what was trained, and with a file that somebody brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janus_space.errors import UnknownModel
from janus_space.home import Home
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.training import keep_dataset, known_datasets, model_of, resolved, trained
from janus_space.ui.form import ColumnForm, Form
from janus_space.ui.train import beside_its_base


def run(home: Path, name: str, end: dict[str, str], **request: str) -> Job:
    folder = home / "jobs" / "train" / name
    folder.mkdir(parents=True)
    asked = {"method": "sft", "model": "embedded:smollm2", "dataset": "rows.jsonl", **request}
    (folder / "request.json").write_text(json.dumps(asked))
    (folder / "exit.json").write_text(json.dumps(end))
    return Job("train", name, folder)


DONE = {"state": "done", "result": "adapter"}


def test_what_was_trained_stands_beside_its_base_under_the_same_message(janus_home: Path) -> None:
    job = run(janus_home, "mine", DONE)
    columns = (ColumnForm(system="Be brief.", is_override=True), *[ColumnForm(system="Be loud.")] * 3)
    after = beside_its_base(Form(prompt="Why?", columns=columns), job)
    compared = after.comparison()
    assert [column.model for column in compared.columns] == ["embedded:smollm2", "job:mine"]
    assert {column.system for column in compared.columns} == {"Be brief."}
    shared = beside_its_base(Form(prompt="Why?", axis="models", system="Be kind."), job)
    assert {column.system for column in shared.comparison().columns} == {"Be kind."}


def test_a_job_is_a_model_when_it_has_finished_and_writes_answers(janus_home: Path) -> None:
    adapter, full = run(janus_home, "a", DONE), run(janus_home, "b", DONE, tuning="full")
    run(janus_home, "c", DONE, method="reward")
    run(janus_home, "d", {"state": "stopped"})
    jobs = Jobs(Home.at(janus_home))
    assert {job.name for job in trained(jobs)} == {"a", "b"}
    assert str(model_of(adapter)) == f"embedded:smollm2+{adapter.folder}/adapter"
    assert str(model_of(full)) == f"path:{full.folder}/model"
    assert resolved({"model": "job:a"}, jobs)["model"] == f"embedded:smollm2+{adapter.folder}/adapter"
    with pytest.raises(UnknownModel, match="job:c is a reward model"):
        model_of(jobs.find("train/c"))
    with pytest.raises(UnknownModel, match="job:d is stopped and has no model yet"):
        model_of(jobs.find("train/d"))


def test_a_file_becomes_a_dataset_of_the_house(tmp_path: Path, janus_home: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    (tmp_path / "My rows.JSONL").write_text("{}\n")
    first, second = (keep_dataset(jobs, tmp_path / "My rows.JSONL") for _ in range(2))
    assert (first.name, second.name) == ("My-rows", "My-rows-2")
    assert [path.name for path in first.iterdir()] == ["My-rows.jsonl"]
    assert {path.name for path in known_datasets(jobs)} == {"My-rows", "My-rows-2"}
