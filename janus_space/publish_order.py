"""A publication as this house takes it: what is asked, where it is kept, and with whose token it is started.

The token goes into the worker's environment. It is in no request, no argument and no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from data_gen.whole_file import whole_file
from janus_space.errors import PublishRefused
from janus_space.job import Job
from janus_space.jobs import Jobs, slug

VERB = "publish"
TOKEN = "HF_TOKEN"
DRY_RUN = "--dry-run"
ACCEPT = "--accept="
EDITED_CARD = "card.md"
What = Literal["model", "dataset", "space", "collection"]
WHATS: tuple[What, ...] = get_args(What)
Hardware = Literal["auto", "cpu", "zero", "gpu"]
Question = Literal["licence", "snippet", "roundtrip", "steerability"]
QUESTIONS: tuple[Question, ...] = get_args(Question)


class Publication(BaseModel):
    """How something is published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    private: bool = Field(False, description="Nobody but its owner sees it")
    merged: bool = Field(False, description="Of a model: all weights, the adapter merged in, instead of the adapter")
    license: str | None = Field(
        None, description="Licence, as the Hub writes it: apache-2.0, cc-by-4.0 …; default: what follows from the parts"
    )


class SpaceWish(BaseModel):
    """What only a Space has."""

    hardware: Hardware = Field(
        "auto",
        description="Of a space: cpu, zero (ZeroGPU, a GPU lent for each answer) or gpu; auto goes by the model's size",
    )


class PublishJob(Publication, SpaceWish):
    """What to publish where. With a `config`, it is trained and measured first."""

    what: What
    source: str
    repo_id: str
    card: str | None = None
    """A card to send instead of the one that is made."""
    config: dict[str, Any] | None = None


class Waiting(BaseModel):
    """How a job is begun and waited for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept: tuple[Question, ...] = Field(
        (), description="Go on in spite of what was asked: licence, snippet, roundtrip, steerability"
    )
    out: Path | None = Field(
        None, description="Folder of the job; the same command on it goes on. Default: one in $JANUS_HOME/jobs"
    )
    detach: bool = Field(False, description="Return at once; the job goes on by itself")


class PublishOrder(Publication, SpaceWish, Waiting):
    """What to publish where, and how it is waited for."""

    what: What = Field(description="model, dataset, space or collection")
    source: str = Field(
        min_length=1,
        description="Training job or augment job by name, a dataset's folder, for a space a model on the Hub, for a"
        " collection names on the Hub with commas between: me/model,dataset:me/data",
    )
    repo_id: str = Field(min_length=3, description="Name on the Hub, OWNER/NAME")
    dry_run: bool = Field(False, description="List every file and the card, and send nothing")
    card: Path | None = Field(None, description="File with a card of your own, sent instead of the one that is made")


class FinetuneOrder(Publication, Waiting):
    """A run to train, measure and publish, and how it is waited for."""

    config: Path = Field(description="YAML file, as of train")
    repo_id: str = Field(min_length=3, description="Name on the Hub, OWNER/NAME")


def job_of(order: PublishOrder, card: str | None) -> PublishJob:
    """Return what the job is, without where and how."""
    fields = order.model_dump(include=set(PublishJob.model_fields) - {"card"})
    return PublishJob(**fields, card=card)


def start_publish(
    jobs: Jobs,
    request: PublishJob,
    folder: Path | None = None,
    *,
    is_dry_run: bool = False,
    accepted: Sequence[str] = (),
    token: str | None = None,
) -> Job:
    """Start the job of a request, go on with it, or find it running or done.

    Raises:
        JobRefused: the folder holds another job, or cannot hold one
    """
    asked = request.model_dump(mode="json")
    job = _same_before(jobs, asked) if folder is None else None
    if job is None:
        folder = folder or jobs.new_folder(VERB, f"{request.what}-{slug(request.repo_id)}")
        job = jobs.create(VERB, asked, folder)
    if job.status != "finished":
        go_on(jobs, job, is_dry_run=is_dry_run, accepted=accepted, token=token)
    return job


def go_on(
    jobs: Jobs, job: Job, *, is_dry_run: bool = False, accepted: Sequence[str] = (), token: str | None = None
) -> bool:
    """Start or resume a job that is written down; False where somebody is at it already."""
    arguments = [*([DRY_RUN] if is_dry_run else []), *(f"{ACCEPT}{name}" for name in accepted)]
    return jobs.start(job, *arguments, secrets={TOKEN: token} if token else {})


def card_of(job: Job) -> str | None:
    """Return the card as it would go: as a person changed it, else as it was made; None before it is made."""
    for path in (job.folder / EDITED_CARD, job.folder / "parcel" / "README.md"):
        with suppress(OSError):
            return path.read_text("utf-8")
    return None


def keep_card(job: Job, card: str) -> None:
    """Keep a card as a person changed it; the worker takes it up before it sends.

    Raises:
        PublishRefused: it has gone already, or is on its way
    """
    if job.is_live or job.status == "finished":
        raise PublishRefused(f"{job.id} is {job.status}: a card can be changed before it goes, and not now.")
    with whole_file(job.folder / EDITED_CARD) as file:
        file.write(card)


def open_questions(job: Job) -> Mapping[str, str]:
    """Return what a job that has ended asks, by the names of the questions."""
    end: dict[str, Any] = job.end or {}
    return end.get("questions", {}) if end.get("state") == "asks" and not job.is_live else {}


def _same_before(jobs: Jobs, asked: dict[str, Any]) -> Job | None:
    """Find the unfinished job of the same request: the same command goes on with it."""
    return next((job for job in jobs.list(VERB) if job.request == asked and job.status != "finished"), None)
