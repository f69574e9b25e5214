"""Training runs side by side: the knobs in which they differ, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from janus_space.job import Job
from trainer.config import TrainConfig

_GROUPS: tuple[type[BaseModel], ...] = TrainConfig.__bases__
_NOT_COMPARED = {"machine_rank"}
_KNOBS = ("method", "model", *(knob for group in _GROUPS for knob in group.model_fields if knob not in _NOT_COMPARED))
"""In the order of the config file. A preset is none: its values are compared one by one."""


class Difference(NamedTuple):
    """A knob, and its value in each run."""

    knob: str
    values: tuple[Any, ...]


def differences(jobs: Sequence[Job]) -> list[Difference]:
    """List the knobs that are not the same in all runs, in the order of the config file."""
    requests = [job.request for job in jobs]
    found = []
    for knob in _KNOBS:
        values = tuple(request.get(knob) for request in requests)
        if any(value != values[0] for value in values):
            found.append(Difference(knob, values))
    return found
