"""A run tried again with other knobs, in a folder of its own: going on from where the first one was saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from janus_space.errors import JobRefused
from janus_space.job import Job, write_json
from janus_space.jobs import Jobs
from janus_space.remedies import ACCUMULATION, BATCH, after_running_out
from janus_space.training import ASKED, VERB, asked_of, start_train
from trainer.config import TrainConfig
from trainer.storage import writing_to

_SAME_STEPS = {BATCH, ACCUMULATION, "activation_checkpointing"}
"""Knobs that change how a step is computed and not what it is: a checkpoint stays one of the same run."""


def retry(jobs: Jobs, job: Job) -> Job:
    """Start a run that needs less memory in place of one that has run out of it.

    Raises:
        JobRefused: it ended otherwise, or cannot be made smaller
    """
    remedy = after_running_out(TrainConfig(**job.request), job.end or {})
    if remedy is None:
        raise JobRefused(f"{job.id} did not end for want of memory, or cannot be made smaller: resume it instead.")
    return with_changes(jobs, job, remedy.changes)


def with_changes(jobs: Jobs, job: Job, changes: dict[str, Any]) -> Job:
    """Start the run of a job with some knobs changed; it goes on from its checkpoints where its steps stay the same."""
    asked = TrainConfig(**{**asked_of(job).model_dump(), **changes})
    folder = jobs.new_folder(VERB, job.name)
    if changes.keys() <= _SAME_STEPS and (job.folder / "checkpoints").exists():
        with writing_to(folder, "the job's folder"):
            shutil.copytree(job.folder / "checkpoints", folder / "checkpoints", copy_function=_linked)
            shutil.copyfile(job.folder / "events.jsonl", folder / "events.jsonl")
            write_json(folder / "request.json", {**job.request, **changes})
            write_json(folder / ASKED, asked.model_dump(mode="json"))
    return start_train(jobs, asked, folder)


def _linked(source: str, target: str) -> None:
    """Give a file a second name: a checkpoint is never written to again, and may be large."""
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another disk, or one that knows no links
        shutil.copy2(source, target)
