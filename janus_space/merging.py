"""A finished run's adapter and its base made one model, in `merged/` of the run's folder: a job of its own.

`job:NAME` goes on to mean base and adapter; the merged weights are for where adapters are not understood. Those of a
reward model have a score head, and are read by AutoModelForSequenceClassification.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from janus_space.errors import JobRefused
from janus_space.job import Job, read_json
from janus_space.jobs import Jobs
from janus_space.training import MERGED, asked_of, devices_of, result_of

VERB = "merge"
PROOF = "merged.json"
"""In the run's folder: the stored prompts of its round trip, asked of the merged weights."""


class MergeOrder(BaseModel):
    """Which run's adapter to merge into its base, and whether to wait for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str = Field(min_length=1, description="Name of a finished training job, or its folder")
    detach: bool = Field(False, description="Return at once; the job goes on by itself")


class MergeRequest(BaseModel):
    """What the worker is to do: the folder of the run, its base and adapter, and where they are loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    model: str
    device: str


def start_merge(jobs: Jobs, run: Job) -> Job:
    """Start the merge of a run, find it at work, or find it done.

    Raises:
        UnknownModel: the run has made nothing yet
        JobRefused: there is nothing to merge
    """
    spec = result_of(run)
    if spec.adapter is None:
        raise JobRefused(f"{run.id} trained all weights: {spec.name} is a model of its own already.")
    devices = [one for one in devices_of(asked_of(run)) if one != "cpu"][:1]
    request = MergeRequest(run=str(run.folder), model=str(spec), device="cuda" if devices else "cpu")
    job = jobs.create(VERB, request.model_dump(), _folder(jobs, run))
    if job.status != "finished" or not (run.folder / MERGED).is_dir():
        jobs.start(job, devices=devices)
    return job


def merge_of(jobs: Jobs, run: Job) -> Job | None:
    """Find the merge of a run; None where nobody has asked for it."""
    folder = _folder(jobs, run)
    job = Job(VERB, folder.name, folder)
    return job if job.request.get("run") == str(run.folder) else None


def find_run(jobs: Jobs, name: str) -> Job:
    """Find the training job that is meant by its name, `job:NAME` or folder; raise `JobRefused` where there is none."""
    return jobs.find(name.removeprefix("job:"))


def proof_of(run: Job) -> dict[str, Any]:
    """Return what was found when the merged weights were asked; nothing where they were not."""
    return read_json(run.folder / PROOF) or {}


def _folder(jobs: Jobs, run: Job) -> Path:
    """Name the merge's folder so that a job's name alone still means the run."""
    return jobs.home.jobs / VERB / f"{run.name}-merged"
