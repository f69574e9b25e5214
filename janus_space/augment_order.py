"""An augment job as this house takes it: what is asked, where it is kept, and with whose keys it is started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from data_gen.errors import BadRequest
from data_gen.job_request import AugmentRequest
from data_gen.openai_spec import parse_openai_spec
from janus_space.job import Job
from janus_space.jobs import Jobs
from janus_space.training import named_model
from trainer.model_spec import ModelSpec

VERB = "augment"
KEYS = "JANUS_TEACHER_KEYS"
"""The variable by which the worker is told keys that a visitor lent, by their origins."""
ESTIMATE_ONLY = "--estimate-only"
TRAINED = "job"
"""The kind of a teacher that was trained here: the worker finds its base and adapter when it begins."""


class AugmentJob(AugmentRequest):
    """What to grow, and by which model of this machine the rows are checked in the end."""

    attribution_by: str | None = Field(
        None, description="Model of this machine that tells at the end whose answer is whose, such as embedded:smollm2"
    )


class AugmentOrder(AugmentJob):
    """A job, and how it is waited for."""

    out: Path | None = Field(
        None, description="Folder of the job; the same command on it goes on. Default: a new one in $JANUS_HOME/jobs"
    )
    estimate_only: bool = Field(False, description="Work on a small sample, and say what all will cost")
    detach: bool = Field(False, description="Return at once; the job goes on by itself")

    @property
    def request(self) -> AugmentJob:
        """Return what the job is, without where and how."""
        return AugmentJob(**self.model_dump(include=set(AugmentJob.model_fields)))


def check(request: AugmentJob) -> None:
    """Refuse a teacher or a reader that cannot be, before a folder is made for the job."""
    # Imported here: the clients behind it cost a second that --help should not.
    from data_gen.open_teacher import ECHO

    if request.attribution_by is not None:
        ModelSpec.parse(request.attribution_by)
    for spec in request.teacher:
        kind = spec.partition(":")[0]
        if kind == "openai":
            parse_openai_spec(spec)
        elif kind in ("embedded", "hf", "path"):
            ModelSpec.parse(spec)
        elif kind != TRAINED and spec != ECHO:
            raise BadRequest(
                f"No teacher goes by {spec[:100]!r}: write openai:MODEL@BASE_URL, a model of this machine such as"
                " embedded:smollm2 or job:NAME, or echo: to try."
            )


def start_augment(
    jobs: Jobs,
    request: AugmentJob,
    folder: Path | None = None,
    *,
    is_estimate: bool = False,
    keys: Mapping[str, str] | None = None,
) -> Job:
    """Start the job of a request, go on with it, or find it running.

    Raises:
        JobRefused: that cannot be
        UnknownModel: a teacher was to be trained here, and was not
    """
    for spec in request.teacher:
        if spec.startswith(f"{TRAINED}:"):
            named_model(jobs, spec)
    job = jobs.create(VERB, request.model_dump(mode="json"), folder)
    go_on(jobs, job, is_estimate=is_estimate, keys=keys)
    return job


def go_on(jobs: Jobs, job: Job, *, is_estimate: bool = False, keys: Mapping[str, str] | None = None) -> bool:
    """Start or resume a job that is written down; False where somebody is at it already."""
    secrets = {KEYS: json.dumps(dict(keys))} if keys else {}
    return jobs.start(job, *([ESTIMATE_ONLY] if is_estimate else []), secrets=secrets)
