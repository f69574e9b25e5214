from __future__ import annotations

import pytest

from data_gen.errors import BadRequest, DataGenError
from janus_space.augment_order import AugmentJob, AugmentOrder, check
from trainer.errors import TrainerError


def asked(*teacher: str) -> AugmentJob:
    return AugmentJob(instructions="x.txt", teacher=teacher)


@pytest.mark.parametrize("spec", ["echo:", "openai:m", "openai:m@http://127.0.0.1:1/v1", "embedded:smollm2", "hf:a/b"])
def test_every_kind_of_teacher_is_known(spec: str) -> None:
    check(asked(spec))


@pytest.mark.parametrize("spec", ["gpt-4", "openai:", "openai:m@http://user:key@host/v1", "job:x", ""])
def test_a_teacher_that_cannot_be_is_refused(spec: str) -> None:
    with pytest.raises((DataGenError, TrainerError)):
        check(asked(spec))


def test_a_refusal_says_what_to_write() -> None:
    with pytest.raises(BadRequest, match="openai:MODEL@BASE_URL"):
        check(asked("gpt-4"))


def test_an_order_is_a_request_with_where_and_how() -> None:
    order = AugmentOrder(instructions="x.txt", teacher=("echo:",), sets=2, out="somewhere", detach=True)
    assert order.request == AugmentJob(instructions="x.txt", teacher=("echo:",), sets=2)
