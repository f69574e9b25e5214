"""What the tab does when it is told to start, and what it says where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
import pytest

from data_gen.errors import BadRequest
from janus_space.engine.process import EnginePool
from janus_space.home import Home
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.ui.augment import HOSTED, begin
from janus_space.ui.augment_form import AugmentForm
from janus_space.ui.augment_input import Given
from janus_space.ui.page import build
from janus_space.ui.visitor_keys import VisitorKeys
from tests.janus_space.job_doubles import ended, slow_teacher


@pytest.fixture
def jobs(janus_home: Path) -> Jobs:
    return Jobs(Home.at(janus_home))


def test_what_was_pasted_is_kept_with_the_job(jobs: Jobs) -> None:
    form = AugmentForm(Given(paste="Why?\nHow?"), "echo:", "My first job!", {"sets": 2})
    job = ended(begin(jobs, form, VisitorKeys(), ""))
    assert (job.name, job.status) == ("My-first-job", "finished")
    assert (job.folder / "given/paste.txt").read_text() == "Why?\nHow?\n"
    rows = [json.loads(line) for line in (job.folder / "dataset/sft.jsonl").read_text().splitlines()]
    assert {row["main_source"] for row in rows} == {"paste"}
    again = ended(begin(jobs, form, VisitorKeys(), ""))
    assert again.name == "My-first-job-2"


def test_what_another_job_has_paid_for_is_not_paid_again(jobs: Jobs) -> None:
    with slow_teacher(0) as (teacher, served):
        form = AugmentForm(Given(paste="Why?\nHow?"), f"openai:m@{served.url}", "", {"sets": 1})
        estimate = ended(begin(jobs, form, VisitorKeys(), "", is_estimate=True))
        assert (estimate.end or {})["state"] == "estimated"
        asked = sum(teacher.bodies.values())
        assert asked == 6
        assert ended(begin(jobs, form, VisitorKeys(), "")).status == "finished"
        assert sum(teacher.bodies.values()) == asked


def test_a_form_that_cannot_be_done_makes_no_folder(jobs: Jobs) -> None:
    for form in (
        AugmentForm(Given(), "echo:", "", {}),
        AugmentForm(Given(paste="Why?"), "gpt-4", "", {}),
        AugmentForm(Given(paste="Why?"), "echo:", "", {"budget_usd": "1"}),
    ):
        with pytest.raises(BadRequest):
            begin(jobs, form, VisitorKeys(), "")
    assert not jobs.home.jobs.exists() or not list(jobs.home.jobs.glob("*/*"))


def test_on_a_hosted_space_the_tab_says_why_there_is_nothing_to_press(janus_home: Path) -> None:
    home = Home.at(janus_home)
    page = build(Models(home, EnginePool(home), hosted=True), start_model="echo:")
    told = [block.value for block in page.blocks.values() if isinstance(block, gr.HTML) and HOSTED in str(block.value)]
    assert len(told) == 1
    room = next(block for block in page.blocks.values() if getattr(block, "elem_id", "") == "augment-room")
    assert room.visible is False
