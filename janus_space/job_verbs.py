"""Long work as verbs: start it, wait for it or not, list it, stop it, go on with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from data_gen.errors import BadRequest
from data_gen.source import is_on_hub
from janus_space.augment_order import AugmentOrder, check, start_augment
from janus_space.bench_order import BenchOrder, start_bench
from janus_space.job import Job, read_json
from janus_space.jobs import Jobs
from janus_space.merging import MergeOrder, find_run, start_merge
from janus_space.training import TrainOrder, check_dataset, load_config, start_train
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from janus_space.models import Models

Tell = Callable[[str], None]
Row = Mapping[str, Any]

_LOOK_EVERY_SECONDS = 0.3
_PROGRESS = ("progress", "step")


class JobsRequest(BaseModel):
    """Which jobs to list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: str | None = Field(None, description="Only jobs of this verb, such as augment")


class JobRequest(BaseModel):
    """Which job is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str = Field(min_length=1, description="Name of the job, VERB/NAME, or its folder")


class ResumeRequest(JobRequest):
    """Which job to go on with, and whether to wait for it."""

    detach: bool = Field(False, description="Return at once; the job goes on by itself")


async def augment(order: AugmentOrder, models: Models, tell: Tell | None = None) -> list[Row]:
    """Grow a collection in a job of its own; give one row, on how it ended or, detached, that it has begun."""
    jobs = jobs_of(models)
    check(order)
    if not (is_on_hub(order.instructions) or Path(order.instructions).is_file()):
        raise BadRequest(f"There is no file {order.instructions}: name the file that holds the instructions.")
    job = await asyncio.to_thread(start_augment, jobs, order.request, order.out, is_estimate=order.estimate_only)
    return [await awaited(job, order.detach, tell)]


async def train(order: TrainOrder, models: Models, tell: Tell | None = None) -> list[Row]:
    """Fine-tune a model in a job of its own; give one row, on how it ended or, detached, that it has begun."""
    jobs = jobs_of(models)
    config = await asyncio.to_thread(load_config, order.config, jobs)
    await asyncio.to_thread(check_dataset, config)
    job = await asyncio.to_thread(_started, jobs, config, order)
    return [await awaited(job, order.detach, tell)]


async def bench(order: BenchOrder, models: Models, tell: Tell | None = None) -> list[Row]:
    """Measure models in a job of its own; give one row a model or, detached or without a result, one on the job."""
    # Imported here: the clients and the arithmetic behind the benchmarks cost time that --help should not.
    from janus_space.benchmarks.askers import check_specs
    from janus_space.benchmarks.table import in_words, ordered

    jobs = jobs_of(models)
    ordered(order)
    check_specs(order, models)
    job = await asyncio.to_thread(start_bench, jobs, order.request, order.out)
    told = await awaited(job, order.detach, tell)
    report = read_json(job.folder / "report.json") if job.status == "finished" else None
    if order.detach or report is None:
        return [told]
    if tell is not None:
        for found in report["rows"]:
            tell(in_words(found))
    return list(report["rows"])


def bench_notes() -> Mapping[str, str]:
    """Say of the fields of `BenchOrder` for which benchmarks they are."""
    from janus_space.benchmarks.table import notes

    return notes()


async def merge(order: MergeOrder, models: Models, tell: Tell | None = None) -> list[Row]:
    """Make a finished run's adapter and its base one model; give one row, on how it ended or that it has begun."""
    jobs = jobs_of(models)
    job = await asyncio.to_thread(start_merge, jobs, find_run(jobs, order.job))
    return [await awaited(job, order.detach, tell)]


async def list_jobs(request: JobsRequest, models: Models, tell: Tell | None = None) -> list[Row]:
    """Give one row a job, newest first."""
    found = jobs_of(models).list(request.verb)
    for job in found:
        if tell is not None:
            tell(f"{job.id:<36} {job.status:<9} {' '.join(job.log(1))}")
    if tell is not None and not found:
        tell("There are no jobs yet.")
    return [row(job) for job in found]


async def stop(request: JobRequest, models: Models, tell: Tell | None = None) -> list[Row]:
    """Ask a job to end at its next step; what it has done is kept."""
    jobs = jobs_of(models)
    job = jobs.find(request.job)
    jobs.stop(job)
    if tell is not None:
        tell(f"{job.id} ends at its next step; what it has done is kept, and `janus resume {job.id}` goes on with it.")
    return [row(job)]


async def resume(request: ResumeRequest, models: Models, tell: Tell | None = None) -> list[Row]:
    """Go on with a job where it ended."""
    jobs = jobs_of(models)
    job = jobs.find(request.job)
    if job.status == "finished":
        raise BadRequest(f"{job.id} is finished: there is nothing to go on with.")
    await asyncio.to_thread(jobs.start, job, devices=job.work.devices if job.work else ())
    return [await awaited(job, request.detach, tell)]


def _started(jobs: Jobs, config: TrainConfig, order: TrainOrder) -> Job:
    if order.remote is None:
        return start_train(jobs, config, order.out)
    # Imported here: the Hub's client costs time that nobody else should pay.
    from janus_space.remote_train import start_remote

    return start_remote(jobs, config, order.remote, hours=order.hours, accepts_price=order.yes, folder=order.out)


def row(job: Job) -> dict[str, Any]:
    """Say what is known of a job; `error` is there where it failed or was lost."""
    status, end = job.status, job.end or {}
    told = {"job": job.id, "status": status, "folder": str(job.folder), "asked_at": job.asked_at}
    if status in ("failed", "lost"):
        told["error"] = end.get("reason") or "Its process is gone without a word: resume it."
    if status in ("queued", "running", "stopping"):
        progress: Row = next((event for event in reversed(job.events()) if event.get("event") in _PROGRESS), {})
        return told | {"progress": {name: value for name, value in progress.items() if name != "event"}}
    return {**end, **told}


async def awaited(job: Job, is_detached: bool, tell: Tell | None) -> dict[str, Any]:
    """Wait for a job while telling its log; who gives up waiting leaves it running."""
    if tell is not None:
        tell(f"{job.id} is {job.status} in {job.folder}")
    if not is_detached:
        told_bytes = _size(job.folder / "log.txt")
        while job.is_live:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            told_bytes = _tell_on(job.folder / "log.txt", told_bytes, tell)
    return row(job)


def _tell_on(log: Path, from_byte: int, tell: Tell | None) -> int:
    with log.open("rb") as file:
        file.seek(from_byte)
        whole_lines = file.read().rpartition(b"\n")[0]
    if not whole_lines:
        return from_byte
    if tell is not None:
        for line in whole_lines.decode("utf-8", "replace").splitlines():
            tell(line)
    return from_byte + len(whole_lines) + 1


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def jobs_of(models: Models) -> Jobs:
    """Return the jobs of a house; raise `BadRequest` where strangers come in."""
    if models.hosted:
        raise BadRequest("On this hosted Space nobody starts long work: run Janus Space on your own machine.")
    return Jobs(models.home)
