"""A training job as this house takes it: what is asked, on which devices it waits for its turn, and its start.

asked.json     the config as it was given; the same one goes on, another one is refused
request.json   the same, with every open knob as the worker settled it for this machine
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from janus_space.devices import gpus
from janus_space.errors import JobRefused, UnknownModel
from janus_space.job import Job, read_json, write_json
from janus_space.jobs import Jobs, numbered, slug
from trainer.config import TrainConfig
from trainer.data import Dataset, read_dataset, refuse_faults
from trainer.errors import BadConfig
from trainer.model_spec import ModelSpec, is_folder_name, local_folder
from trainer.presets import preset_values
from trainer.storage import writing_to

VERB = "train"
ASKED = "asked.json"
MERGED = "merged"
"""The folder of a job in which an adapter and its base are one model."""


class TrainOrder(BaseModel):
    """Which config to train by, and how it is waited for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: Path = Field(description="YAML file; four lines are enough: method, model, dataset, max_steps")
    out: Path | None = Field(
        None, description="Folder of the job; the same command on it goes on. Default: a new one in $JANUS_HOME/jobs"
    )
    detach: bool = Field(False, description="Return at once; the job goes on by itself")
    remote: str | None = Field(
        None, description="Rent a machine of the Hub for it, such as a10g-small; the price is told before"
    )
    hours: float | None = Field(
        None, ge=0.25, le=240, description="Longest time to pay a rented machine for. Default: twice what is calculated"
    )
    yes: bool = Field(False, description="Agree to the price of a rented machine without being asked")


def load_config(file: Path, jobs: Jobs | None = None) -> TrainConfig:
    """Read a YAML file; with `jobs`, its model may be `job:NAME`, what another run has made.

    Raises:
        BadConfig: it cannot be done as written
        UnknownModel, JobRefused: there is no such job, or nothing that can be trained further
    """
    values = None if jobs is None else _going_on_from_a_job(file)
    if jobs is None or values is None:
        return from_anywhere(TrainConfig.load(file))
    try:
        return from_anywhere(TrainConfig.read(resolved(values, jobs)))
    except BadConfig as error:
        raise BadConfig(f"{file.name}: {error}") from error


def _going_on_from_a_job(file: Path) -> dict[str, Any] | None:
    """Read a file whose model is a job's; None for every other, and for one that cannot be read."""
    with suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        values = yaml.safe_load(file.read_text("utf-8"))
        if isinstance(values, dict) and str(values.get("model", "")).startswith("job:"):
            return {str(name): value for name, value in values.items()}
    return None


def from_anywhere(config: TrainConfig) -> TrainConfig:
    """Make local paths absolute: the worker runs in another folder than whoever asked."""
    named = {name: getattr(config, name) for name in ("dataset", "eval_dataset")}
    found = {
        name: str(path.absolute()) for name, text in named.items() if text and (path := local_folder(text)).exists()
    }
    spec = ModelSpec.parse(config.model)
    if spec.kind == "path":
        spec = replace(spec, name=str(local_folder(spec.name).absolute()))
    if spec.adapter is not None and is_folder_name(spec.adapter):
        spec = replace(spec, adapter=str(local_folder(spec.adapter).absolute()))
    return config.model_copy(update={**found, "model": str(spec)})


def resolved(values: Mapping[str, Any], jobs: Jobs) -> dict[str, Any]:
    """Replace the model `job:NAME` by its base and adapter: a run may go on from what another one has made.

    4-bit weights take no adapter in, so there the job's merged weights are taken, if it has any.
    """
    model = str(values.get("model", ""))
    if not model.startswith("job:"):
        return dict(values)
    job = jobs.find(f"{VERB}/{model.removeprefix('job:')}")
    given = {**preset_values(values.get("preset")), **values}
    is_second_stage = given.get("method") == "reward" and job.request.get("method") == "reward"
    found = result_of(job) if is_second_stage else model_of(job)
    if given.get("tuning") == "qlora" and (job.folder / MERGED).is_dir():
        found = ModelSpec("path", str(job.folder / MERGED))
    return {**values, "model": str(found)}


def look(config: TrainConfig) -> Dataset | None:
    """Read and check a dataset of this machine; None for one of the Hub, which is not fetched for that."""
    if config.dataset.startswith("hf:") and not local_folder(config.dataset).exists():
        return None
    return read_dataset(config.dataset, config.method, config)


def check_dataset(config: TrainConfig) -> None:
    """Refuse a dataset of this machine before a job is made; one of the Hub is read by the worker.

    Raises:
        BadDataset: it cannot be read, or rows of it cannot be trained on; the sentence names the first
    """
    found = look(config)
    if found is not None and (not config.skip_bad_rows or not found.rows):
        refuse_faults(found, config.dataset)


def start_train(jobs: Jobs, config: TrainConfig, folder: Path | None = None) -> Job:
    """Start the job of a config, go on with it, or find it running or done.

    Raises:
        JobRefused: the folder holds another run, or cannot hold one
    """
    asked = config.model_dump(mode="json")
    devices_of(config)  # refuses what this machine does not have, before a folder is made
    folder = (folder or jobs.new_folder(VERB)).absolute()
    before = _asked_before(folder, asked)
    if before not in (None, asked):
        refuse_another(folder, before or {}, asked)
    job = jobs.create(VERB, (read_json(folder / "request.json") if before == asked else None) or asked, folder)
    write_json(folder / ASKED, asked)
    if job.status != "finished":
        go_on(jobs, job)
    return job


def model_of(job: Job) -> ModelSpec:
    """Name the model that a finished training job has made.

    Raises:
        UnknownModel: it has not ended, or what it made scores answers and writes none
    """
    found = result_of(job)
    if job.request.get("method") == "reward":
        raise UnknownModel(f"job:{job.name} is a reward model: it scores answers and writes none.")
    return found


def named_model(jobs: Jobs, name: str) -> ModelSpec:
    """Name what the training job of that name has made; `job:` in front is taken as well.

    Raises:
        UnknownModel: there is no such job, or it has made no model that writes answers
    """
    name = name.removeprefix("job:")
    job = next((job for job in jobs.list(VERB) if job.name == name), None)
    if job is None:
        known = " or ".join(f"job:{job.name}" for job in trained(jobs)[:5])
        told = f"finished are {known}" if known else "none has finished yet"
        raise UnknownModel(f"There is no training job {name[:60]!r} here; {told}.")
    return model_of(job)


def result_of(job: Job) -> ModelSpec:
    """Name what a finished training job has made, of whatever kind: its base and adapter, or its own weights.

    Raises:
        UnknownModel: it has not ended
    """
    end = job.end or {}
    if job.status != "finished" or "result" not in end:
        raise UnknownModel(f"job:{job.name} is {job.status} and has no model yet: ask again when it is finished.")
    config = TrainConfig(**job.request)
    if config.tuning == "full":
        return ModelSpec("path", str(job.folder / "model"))
    return replace(ModelSpec.parse(config.model), adapter=str(job.folder / "adapter"))


def trained(jobs: Jobs) -> list[Job]:
    """List the finished jobs whose models answer, newest first."""
    return [job for job in jobs.list(VERB) if _has_result(job) and not is_reward_model(job)]


def reward_models(jobs: Jobs) -> list[Job]:
    """List the finished jobs whose models score answers, newest first."""
    return [job for job in jobs.list(VERB) if is_reward_model(job)]


def is_reward_model(job: Job) -> bool:
    """Tell whether a job has ended with a model that scores answers."""
    return _has_result(job) and job.request.get("method") == "reward"


def _has_result(job: Job) -> bool:
    return job.status == "finished" and "result" in (job.end or {})


def at_work(jobs: Jobs) -> dict[str, Job]:
    """Say which job runs on each device that has one."""
    works = [(job, job.work) for job in jobs.list() if job.is_live]
    return {device: job for job, work in works if work and work.worker for device in work.devices}


def go_on(jobs: Jobs, job: Job) -> bool:
    """Start or resume a job that is written down; False where somebody is at it already."""
    return jobs.start(job, devices=() if job.is_remote else devices_of(asked_of(job)))


def asked_of(job: Job) -> TrainConfig:
    """Return the config of a job as it was given."""
    return TrainConfig.read(read_json(job.folder / ASKED) or job.request)


def devices_of(config: TrainConfig) -> tuple[str, ...]:
    """Name the devices of this machine that a run takes whole: one job at a time runs on each.

    Raises:
        BadConfig: it wants GPUs that are not here
    """
    attached = [] if config.device == "cpu" else [f"cuda:{gpu.index}" for gpu in gpus({})]
    if not attached:
        return ("cpu",)
    count = config.num_processes // config.num_machines
    if count > len(attached):
        raise BadConfig(f"num_processes: {count} GPUs are wanted on this machine, and {len(attached)} are attached.")
    if count == 1 and config.device not in (None, "cuda", *attached):
        raise BadConfig(f"device: there is no {config.device} here; there are {', '.join(attached)}.")
    return (config.device,) if count == 1 and config.device in attached else tuple(attached[:count])


def _asked_before(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the folder's run was asked; of one by `python -m trainer`, only what it settled is known."""
    settled = read_json(folder / "request.json")
    known = settled and {name: settled.get(name) if asked[name] is not None else None for name in asked}
    return read_json(folder / ASKED) or known


def refuse_another(folder: Path, before: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raise unless the run in a folder may be changed: one goes on only as it began, if it has done anything yet.

    Raises:
        JobRefused: it has
    """
    job = Job(VERB, folder.name, folder)
    if job.is_live or (folder / "checkpoints").exists() or job.end is not None:
        name = min(name for name in before.keys() | asked.keys() if before.get(name) != asked.get(name))
        raise JobRefused(
            f"{folder} holds a run with another {name} ({before.get(name)}, not {asked.get(name)}), and a run goes on"
            " only as it began: name another folder."
        )


def known_datasets(jobs: Jobs) -> list[Path]:
    """List the dataset folders of this house, newest first: those kept here, those that were grown, and as reviewed."""
    kept = [path for path in jobs.home.datasets.glob("*") if path.is_dir() and not path.name.startswith(".")]
    tables = (job.folder / name / "sft.jsonl" for job in jobs.list("augment") for name in ("dataset", "reviewed"))
    grown = [table.parent for table in tables if table.exists()]
    return sorted([*kept, *grown], key=lambda path: path.stat().st_mtime, reverse=True)


def keep_dataset(jobs: Jobs, file: Path) -> Path:
    """Copy a table that somebody brought into a dataset folder of this house; return the folder."""
    suffix = file.suffix.lower()
    first = jobs.home.datasets / (slug(file.stem) or "dataset")
    folder = next(path for path in numbered(first) if not path.exists())
    with writing_to(jobs.home.datasets, "the dataset's folder"):
        folder.mkdir(parents=True)
        shutil.copyfile(file, folder / f"{folder.name}{suffix}")
    return folder
