"""What other tabs take over from the Augment tab, through the page's own listeners."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui.page import build
from tests.callers import request_of


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home.at(tmp_path_factory.mktemp("home"))
    for name, tables in {"plain": ["sft"], "judged": ["sft", "bench"]}.items():
        job = home.jobs / "augment" / name
        (job / "dataset").mkdir(parents=True)
        (job / "request.json").write_text("{}")
        for table in tables:
            (job / "dataset" / f"{table}.jsonl").write_text("{}\n")
    return home


@pytest.fixture(scope="module")
def page(home: Home) -> gr.Blocks:
    return build(Models(home, EnginePool(home)), start_model="echo:")


def pressed(page: gr.Blocks, verb: str, job: str) -> dict[Any, Any]:
    """Press the button with that job in view; return the new values by the elements that show them."""
    fn = next(fn for fn in page.fns.values() if fn.api_name == f"{verb}_use")
    updates = asyncio.run(fn.fn(request_of(), job))
    assert set(updates) <= set(fn.outputs), "Gradio refuses an update of what is no output"
    assert fn.outputs[-1].elem_id == "tabs"
    return {field.elem_id or getattr(field, "label", ""): update for field, update in updates.items()}


def test_training_takes_the_folder(page: gr.Blocks, home: Home) -> None:
    told = pressed(page, "train", "plain")
    assert told["tabs"]["selected"] == "train"
    assert told["train-dataset"]["value"] == str(dataset(home, "plain"))
    assert ("plain, grown here", str(dataset(home, "plain"))) in told["train-dataset"]["choices"]


@pytest.mark.parametrize(
    ("job", "bench", "file"), [("plain", "steer", "sft.jsonl"), ("judged", "multifaceted", "bench.jsonl")]
)
def test_rows_with_rubrics_are_judged_and_others_are_read(
    page: gr.Blocks, home: Home, job: str, bench: str, file: str
) -> None:
    (dataset(home, "plain") / "bench.jsonl").write_text("")  # rubrics were wished for, and none was written
    told = pressed(page, "bench", job)
    assert told["tabs"]["selected"] == "benchmark"
    assert told["benchmark-name"] == bench
    assert told["benchmark-data"] == str(dataset(home, job) / file)
    assert told["Or bring a file"] is None  # a file that was brought before would come first


def test_publishing_takes_the_folder_and_shows_what_a_dataset_needs(page: gr.Blocks, home: Home) -> None:
    told = pressed(page, "publish", "judged")
    assert told["tabs"]["selected"] == "publish"
    assert told["publish-what"] == "dataset"
    assert (told["publish-source"]["value"], told["publish-source"]["label"]) == (
        str(dataset(home, "judged")),
        "Dataset",
    )
    shown = {name: told[name]["visible"] for name in ("publish-merged", "publish-licence", "publish-look")}
    assert shown == {"publish-merged": False, "publish-licence": True, "publish-look": True}
    assert told["publish-start"] == "Publish"


@pytest.mark.parametrize("verb", ["train", "bench", "publish"])
def test_a_job_that_is_gone_is_told(page: gr.Blocks, verb: str) -> None:
    fn = next(fn.fn for fn in page.fns.values() if fn.api_name == f"{verb}_use")
    with pytest.raises(gr.Error, match="There is no job"):
        asyncio.run(fn(request_of(), "gone"))


def dataset(home: Home, job: str) -> Path:
    return (home.jobs / "augment" / job / "dataset").resolve()
