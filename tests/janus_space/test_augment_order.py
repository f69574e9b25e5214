from __future__ import annotations

from pathlib import Path

import pytest

from data_gen.errors import BadRequest, DataGenError
from janus_space.augment_order import AugmentJob, AugmentOrder, check, start_augment
from janus_space.errors import UnknownModel
from janus_space.home import Home
from janus_space.jobs import Jobs
from trainer.errors import TrainerError


def asked(*teacher: str) -> AugmentJob:
    return AugmentJob(instructions="x.txt", teacher=teacher)


@pytest.mark.parametrize(
    "spec", ["echo:", "openai:m", "openai:m@http://127.0.0.1:1/v1", "embedded:smollm2", "hf:a/b", "job:x"]
)
def test_every_kind_of_teacher_is_known(spec: str) -> None:
    check(asked(spec))


@pytest.mark.parametrize("spec", ["gpt-4", "openai:", "openai:m@http://user:key@host/v1", "jobs:x", ""])
def test_a_teacher_that_cannot_be_is_refused(spec: str) -> None:
    with pytest.raises((DataGenError, TrainerError)):
        check(asked(spec))


def test_a_teacher_that_was_not_trained_here_is_refused_before_a_folder_is_made(janus_home: Path) -> None:
    jobs = Jobs(Home.at(janus_home))
    with pytest.raises(UnknownModel, match="There is no training job 'x' here; none has finished yet"):
        start_augment(jobs, asked("job:x"))
    assert jobs.list() == []


def test_a_refusal_says_what_to_write() -> None:
    with pytest.raises(BadRequest, match="openai:MODEL@BASE_URL"):
        check(asked("gpt-4"))


def test_an_order_is_a_request_with_where_and_how() -> None:
    order = AugmentOrder(instructions="x.txt", teacher=("echo:",), sets=2, out="somewhere", detach=True)
    assert order.request == AugmentJob(instructions="x.txt", teacher=("echo:",), sets=2)
