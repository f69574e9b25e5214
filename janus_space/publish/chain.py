"""Fine-tune and publish, the whole way as one job: validate, estimate, train, measure against the base, publish.

The training is a training job of its own, which this one starts, watches and stops: it stands in the Train tab with its
curves, and a chain that is resumed finds it running, goes on with it, or finds it done.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from typing import Any

from janus_space.engine.process import EnginePool
from janus_space.errors import PublishBroken
from janus_space.estimates import estimate
from janus_space.job import Job, read_json, write_json
from janus_space.jobs import Jobs
from janus_space.models import Models
from janus_space.publish.licence import decide
from janus_space.publish.model_packing import parts_of
from janus_space.publish.sources import model_source
from janus_space.publish.whoami import check_may_write
from janus_space.publish.work import Stopped, Work, asks, publish
from janus_space.scorer import Scorer
from janus_space.steer import Steered, SteerEvent, row, steer
from janus_space.steer_data import SteerData, of_records
from janus_space.training import VERB as TRAIN
from janus_space.training import check_dataset, start_train
from trainer.config import TrainConfig
from trainer.data import read_dataset
from trainer.model_spec import ModelSpec
from trainer.system_options import hold_out

CHAIN = "chain.json"
STEER = "steer.json"
MOST_MEASURED = 24
"""Instructions: K answers cost K × (K + 1) readings each, for the base and for the model."""

_LOOK_EVERY_SECONDS = 0.5


def finetune_and_publish(work: Work) -> dict[str, Any]:
    """Do the whole chain; what is done already is not done again. Return how it ended.

    Raises:
        PublishRefused, PublishBroken, TrainerError, BadRequest, Stopped
    """
    config = TrainConfig(**(work.request.config or {}))
    told = read_json(work.path / CHAIN) or {}
    if "train" not in told:
        work.stage("validate", "Checking the rows, the licences, and whether you may write there")
        check_may_write(work.hub, work.request.repo_id)
        check_dataset(config)
        conflict = decide(parts_of(config, work.hub), work.request.license).conflict
        if conflict and "licence" not in work.accepted:
            return asks({"licence": conflict})
        work.stage("estimate", "Measuring what the run will take")
        work.folder.log(asyncio.run(estimate(config, work.home)).sentence)
        jobs = Jobs(work.home)
        told = {"train": jobs.new_folder(TRAIN, work.path.name).name}
        write_json(work.path / CHAIN, told)
    trained = _train(work, config, told["train"])
    rows = _steered(work, config, trained)
    if question := _is_no_better(rows):
        if "steerability" not in work.accepted:
            return asks({"steerability": question})
        work.folder.log(f"Accepted: {question}")
    return {**publish(work, trained.id, rows), "train": trained.id, "steer": rows}


def _train(work: Work, config: TrainConfig, name: str) -> Job:
    """Start the training job, attach to it or find it done, and wait for its end."""
    jobs = Jobs(work.home)
    work.stage("train", f"Training, as {TRAIN}/{name}")
    job = start_train(jobs, config, work.home.jobs / TRAIN / name)
    told_step = -1
    while job.is_live:
        time.sleep(_LOOK_EVERY_SECONDS)
        if work.folder.is_asked_to_stop and not job.is_asked_to_stop:
            jobs.stop(job)
        told_step = _tell_step(work, job, told_step)
    if job.status == "finished":
        return job
    if job.status == "stopped":
        raise Stopped
    reason = (job.end or {}).get("reason") or "its process is gone"
    raise PublishBroken(f"{job.id} did not come to its end: {reason} Resuming goes on with it.")


def _tell_step(work: Work, job: Job, told_step: int) -> int:
    events = job.events()
    of = next((int(event["max_steps"]) for event in reversed(events) if event.get("event") == "started"), 0)
    step = next((int(event["step"]) for event in reversed(events) if event.get("event") == "step"), 0)
    if of and step != told_step:
        work.folder.event("progress", done=step, of=of, what="steps")
    return step


def _steered(work: Work, config: TrainConfig, trained: Job) -> list[dict[str, Any]]:
    """Measure the base and what was trained on the same instructions; the rows are kept."""
    before = read_json(work.path / STEER)
    if before is not None:
        return list(before["rows"])
    if config.method == "reward":
        return []
    data = _instructions(config)
    if data is None:
        work.folder.log("No instruction has two answers, so steerability is not measured.")
        return []
    work.stage("steer", f"Measuring steerability on {len(data.instructions)} instructions, before and after")
    source = model_source(Jobs(work.home), trained.id)
    specs = [ModelSpec.parse(source.spec).base, source.spec]
    if config.tuning == "full":
        specs[0] = ModelSpec.parse(config.model).base
    rows = asyncio.run(_measured(work, specs, data))
    write_json(work.path / STEER, {"rows": rows})
    return rows


def _instructions(config: TrainConfig) -> SteerData | None:
    """Take what the run holds out from training, else what it was trained on."""
    held_out = config.eval_dataset
    rows = read_dataset(held_out or config.dataset, config.method, config).rows
    if held_out is None:
        trained, kept = hold_out(rows, config.held_out_instructions, config.seed)
        rows = kept or trained
    records = [
        {
            "system": one.system,
            "prompt": one.turns[-1]["content"],
            "output": one.answers[0],
            "instruction_id": one.instruction,
        }
        for one in rows
        if one.system and len(one.turns) == 1
    ]
    by_instruction: dict[str, set[str]] = {}
    for record in records:
        by_instruction.setdefault(record["instruction_id"], set()).add(record["system"])
    if not any(len(systems) > 1 for systems in by_instruction.values()):
        return None
    return of_records(records, MOST_MEASURED)


async def _measured(work: Work, specs: list[str], data: SteerData) -> list[dict[str, Any]]:
    def on_event(event: SteerEvent) -> None:
        if not isinstance(event, Steered):
            done = specs.index(event.model) * event.of + event.done
            work.folder.event("progress", done=done, of=len(specs) * event.of, what="instructions")

    with closing(EnginePool(work.home)) as engines:
        models = Models(work.home, engines)
        return [row(one) for one in await steer([Scorer.of(models, spec) for spec in specs], data, 0, on_event)]


def _is_no_better(rows: list[dict[str, Any]]) -> str | None:
    """Ask where training did not help; say so too where it could not be measured."""
    if not rows:
        return None
    failed = next((one["error"] for one in rows if one.get("error")), None)
    if failed is not None:
        return f"Steerability could not be measured: {failed}"
    before, after = (one["margin"] for one in rows)
    if after > before:
        return None
    return (
        f"The model follows system messages no better than its base: its margin is {after:.3f} nats a token, the base's"
        f" {before:.3f}."
    )
