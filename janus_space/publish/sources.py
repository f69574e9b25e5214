"""What a finished run or a dataset of this house offers to be published, and what its folder tells about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from janus_space.errors import JobRefused, PublishRefused
from janus_space.job import Job, read_json
from janus_space.jobs import Jobs
from janus_space.training import VERB, model_of
from trainer.config import TrainConfig
from trainer.embedded import EMBEDDED
from trainer.model_spec import ModelSpec, local_folder

_EVENT_BYTES = 64 * 2**20
_TABLES = ("*.jsonl", "*.parquet", "*.csv", "data/*.parquet", "data/*.jsonl")


@dataclass(frozen=True)
class ModelSource:
    """A finished training job, and how its base is called by people elsewhere."""

    job: Job
    config: TrainConfig
    weights: Path
    """The folder of the adapter, or of all weights."""
    spec: str
    """How the model is asked on this machine."""
    base_id: str | None
    """The base's name on the Hub; None for a folder of this machine."""
    base_revision: str | None

    @property
    def is_adapter(self) -> bool:
        return self.config.tuning != "full"

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return what happened in the run, of one kind, in order."""
        return [event for event in self.job.events(_EVENT_BYTES) if event.get("event") == kind]

    @property
    def roundtrip(self) -> dict[str, Any] | None:
        """The proof that what was saved says what was trained, with the prompts it was held to."""
        return read_json(self.job.folder / "roundtrip.json")


def model_source(jobs: Jobs, name: str) -> ModelSource:
    """Find the finished training job that `job:NAME`, NAME, train/NAME or a folder means.

    Raises:
        PublishRefused: there is none, or it has not made a model yet
    """
    wanted = name.removeprefix("job:")
    try:
        job = jobs.find(wanted if "/" in wanted else f"{VERB}/{wanted}")
    except JobRefused as error:
        raise PublishRefused(f"{error} Only what a training job of this house has made can be published.") from error
    if job.verb != VERB or job.status != "finished" or "result" not in (job.end or {}):
        raise PublishRefused(f"{job.id} is {job.status} and has made no model: publish a finished training job.")
    config = TrainConfig(**job.request)
    is_adapter = config.tuning != "full"
    weights = job.folder / ("adapter" if is_adapter else "model")
    base_id, revision = _base(config, weights)
    is_reward = config.method == "reward"
    return ModelSource(job, config, weights, "" if is_reward else str(model_of(job)), base_id, revision)


def _base(config: TrainConfig, weights: Path) -> tuple[str | None, str | None]:
    told = read_json(weights / "adapter_config.json") or {}
    spec = ModelSpec.parse(config.model)
    if spec.kind == "hf":
        return spec.name, told.get("revision") or spec.revision
    if spec.kind == "embedded":
        return EMBEDDED[spec.name].hub_id if spec.name in EMBEDDED else told.get("base_model_name_or_path"), None
    return None, None


@dataclass(frozen=True)
class DatasetSource:
    """A folder of rows. `told` is its dataset.json; `card` and `metadata` are its README's text and front matter."""

    folder: Path
    told: Mapping[str, Any]
    card: str
    metadata: Mapping[str, Any]

    @property
    def licence(self) -> str | None:
        found = self.metadata.get("license") or self.told.get("license")
        return str(found).lower() if isinstance(found, str) and found else None


def dataset_source(jobs: Jobs, name: str) -> DatasetSource:
    """Find the dataset that a folder, an augment job or a name in the house's datasets means.

    Raises:
        PublishRefused: there is none, or no rows are in it
    """
    for folder in _dataset_folders(jobs, name):
        if folder.is_dir() and any(next(folder.glob(pattern), None) for pattern in _TABLES):
            return described(folder)
    raise PublishRefused(
        f"{name[:200]!r} is no dataset here: name a folder with JSONL, CSV or Parquet files, or an augment job that has"
        " finished."
    )


def _dataset_folders(jobs: Jobs, name: str) -> list[Path]:
    folders = [local_folder(name), local_folder(name) / "dataset", jobs.home.datasets / Path(name).name]
    wanted = name.removeprefix("job:")
    augmented = [job for job in jobs.list("augment") if wanted in (job.name, job.id)]
    return [*(job.folder / "dataset" for job in augmented), *folders]


def described(folder: Path) -> DatasetSource:
    """Read what a dataset's folder tells about it."""
    try:
        card = (folder / "README.md").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        card = ""
    return DatasetSource(folder.resolve(), read_json(folder / "dataset.json") or {}, card, front_matter(card))


def front_matter(card: str) -> dict[str, Any]:
    """Return the YAML at the head of a card; nothing where there is none that can be read."""
    if not card.startswith("---\n"):
        return {}
    try:
        found = yaml.safe_load(card[4:].partition("\n---")[0])
    except yaml.YAMLError:
        return {}
    return json.loads(json.dumps(found, default=str)) if isinstance(found, dict) else {}
