"""A run tried again with other knobs, in a folder of its own: going on from where the first one was saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from janus_space.errors import JobRefused
from janus_space.job import Job, write_json
from janus_space.jobs import Jobs
from janus_space.remedies import ACCUMULATION, BATCH, Remedy, after_running_out
from janus_space.training import ASKED, VERB, asked_of, start_train
from trainer.config import TrainConfig
from trainer.storage import writing_to

if TYPE_CHECKING:
    from janus_space.remote_price import Quote

_SAME_STEPS = {BATCH, ACCUMULATION, "activation_checkpointing"}
"""Knobs that change how a step is computed and not what it is: a checkpoint stays one of the same run."""


def retry(jobs: Jobs, job: Job, *, accepts_price: bool = False) -> Job:
    """Start a run that needs less memory in place of one that has run out of it, on the same kind of machine.

    Raises:
        JobRefused: it ended otherwise, or cannot be made smaller
        PriceNotAccepted: the machine is a rented one, and nobody has agreed to its price yet
    """
    return with_changes(jobs, job, _remedy(job).changes, accepts_price=accepts_price)


def price_of_retry(job: Job) -> Quote:
    """Say what the retry of a rented run costs, on such a machine and for no longer than was agreed to before.

    Raises:
        JobRefused: as `retry`, or the Hub does not tell
    """
    # Imported here: the Hub's client costs time that a run of this machine should not pay.
    from janus_space.remote_price import hub, quote
    from janus_space.remote_train import rental_of

    rental = rental_of(job)
    return quote(hub(), _changed(job, _remedy(job).changes), rental.flavor, rental.most_hours)


def with_changes(jobs: Jobs, job: Job, changes: dict[str, Any], *, accepts_price: bool = False) -> Job:
    """Start the run of a job with some knobs changed; it goes on from its checkpoints where its steps stay the same."""
    asked = _changed(job, changes)
    has_same_steps = changes.keys() <= _SAME_STEPS
    if job.is_remote:
        return _on_another_machine(jobs, job, asked, has_same_steps, accepts_price)
    folder = jobs.new_folder(VERB, job.name)
    if has_same_steps and (job.folder / "checkpoints").exists():
        with writing_to(folder, "the job's folder"):
            shutil.copytree(job.folder / "checkpoints", folder / "checkpoints", copy_function=_linked)
            shutil.copyfile(job.folder / "events.jsonl", folder / "events.jsonl")
            write_json(folder / "request.json", {**job.request, **changes})
            write_json(folder / ASKED, asked.model_dump(mode="json"))
    return start_train(jobs, asked, folder)


def _on_another_machine(jobs: Jobs, job: Job, asked: TrainConfig, has_same_steps: bool, accepts_price: bool) -> Job:
    from janus_space.remote_train import rental_of, start_remote

    rental = rental_of(job)
    return start_remote(
        jobs,
        asked,
        rental.flavor,
        hours=rental.most_hours,
        accepts_price=accepts_price,
        folder=jobs.new_folder(VERB, job.name),
        goes_on_from=rental if has_same_steps else None,
    )


def _remedy(job: Job) -> Remedy:
    found = after_running_out(TrainConfig(**job.request), job.end or {})
    if found is None:
        raise JobRefused(f"{job.id} did not end for want of memory, or cannot be made smaller: resume it instead.")
    return found


def _changed(job: Job, changes: dict[str, Any]) -> TrainConfig:
    return TrainConfig(**{**asked_of(job).model_dump(), **changes})


def _linked(source: str, target: str) -> None:
    """Give a file a second name: a checkpoint is never written to again, and may be large."""
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another disk, or one that knows no links
        shutil.copy2(source, target)
