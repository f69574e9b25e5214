"""Publishing as verbs: what is asked on a terminal is asked there; elsewhere what is safe is done, and no more."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data_gen.errors import BadRequest
from janus_space.access import lent_hub_token
from janus_space.errors import PublishRefused
from janus_space.job_verbs import Row, Tell, awaited, jobs_of
from janus_space.jobs import Jobs
from janus_space.publish_order import (
    FinetuneOrder,
    PublishJob,
    PublishOrder,
    Waiting,
    go_on,
    job_of,
    open_questions,
    start_publish,
)
from janus_space.training import check_dataset, load_config

if TYPE_CHECKING:
    from janus_space.models import Models


async def publish(order: PublishOrder, models: Models, tell: Tell | None = None) -> list[Row]:
    """Publish in a job of its own; give one row, on how it ended or, detached, that it has begun."""
    request = job_of(order, _card(order.card))
    told = await _done(jobs_of(models), request, order, tell, is_dry_run=order.dry_run)
    if tell is not None:
        for line in str(told.get("card", "")).splitlines():
            tell(line)
    return [told]


async def finetune_and_publish(order: FinetuneOrder, models: Models, tell: Tell | None = None) -> list[Row]:
    """Validate, estimate, train, measure and publish in one job; give one row, on how it ended or that it has begun."""
    jobs = jobs_of(models)
    config = await asyncio.to_thread(load_config, order.config, jobs)
    await asyncio.to_thread(check_dataset, config)
    request = PublishJob(
        what="model",
        source=config.dataset,
        repo_id=order.repo_id,
        private=order.private,
        merged=order.merged,
        license=order.license,
        config=config.model_dump(mode="json"),
    )
    return [await _done(jobs, request, order, tell)]


async def _done(
    jobs: Jobs, request: PublishJob, waiting: Waiting, tell: Tell | None, *, is_dry_run: bool = False
) -> Row:
    """See a job through; what it asks is asked on a terminal, and is an error elsewhere.

    Raises:
        PublishRefused: it failed, or needs an answer that nobody is there to give
    """
    job = await asyncio.to_thread(
        start_publish,
        jobs,
        request,
        waiting.out,
        is_dry_run=is_dry_run,
        accepted=waiting.accept,
        token=lent_hub_token(),
    )
    told = await awaited(job, waiting.detach, tell)
    while not waiting.detach and (questions := open_questions(job)):
        if tell is None or not _agrees(questions):
            raise PublishRefused(str((job.end or {}).get("reason")))
        await asyncio.to_thread(go_on, jobs, job, accepted=tuple(questions), token=lent_hub_token())
        told = await awaited(job, waiting.detach, tell)
    if not waiting.detach and told["status"] == "failed":
        raise PublishRefused(str(told["error"]))
    return told


def _agrees(questions: Mapping[str, str]) -> bool:
    """Ask on the terminal; without one, nobody agrees."""
    if not sys.stdin.isatty():
        return False
    for text in questions.values():
        sys.stderr.write(f"{text}\nGo on all the same? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return False
    return True


def _card(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read ({error}): name a Markdown file in UTF-8.") from error
