"""A training run on a rented machine: a Hugging Face Job, followed from here into a job's folder like any other.

    this machine                                                 the Hub                          the rented machine
    asked.json, remote.json ─▶ stage: config, data, trainer/ ─▶ a private dataset repository ─▶ trainer.remote_machine
    events.jsonl, log.txt   ◀─────────── follow ◀────────────── the job's log and metrics ◀──── what it prints
    adapter/, exit.json     ◀─────────── fetch  ◀────────────── NAME/out, NAME/end-N.json ◀──── what it hands back

remote.json says which machine it is. So whoever follows may die, with the app or the whole computer: resuming attaches.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

import trainer
from janus_space.errors import JobRefused, PriceNotAccepted
from janus_space.job import REMOTE, Job, read_json, write_json
from janus_space.jobs import Jobs
from janus_space.remote_price import HubUnknown, Quote, hub, hub_in_words, quote
from janus_space.training import ASKED, VERB, refuse_another
from trainer.config import TrainConfig
from trainer.data_files import table_of
from trainer.model_spec import ModelSpec, is_folder_name, local_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobStatus

LABEL = "janus-job"
"""The label by which a machine is found again that was started just before its number could be written down."""

_REPOSITORY = "janus-jobs"
_PUBLIC_HUB = "https://huggingface.co"
_IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
# What the trainer imports, in the versions that run here; pip fetches the embedded model.
_LIBRARIES = (
    *("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "datasets", "huggingface-hub"),
    *("gguf", "safetensors", "numpy", "pyarrow", "filelock", "pyyaml", "pydantic", "pip"),
)
# Fetches what was staged, and runs the trainer that came with it. What follows -c is visible in the job's page: no key.
_BOOT = """
import runpy, sys
from pathlib import Path
from tempfile import gettempdir
from huggingface_hub import snapshot_download
repository, name = sys.argv[1:3]
parts = [f"{name}/in/**", f"{name}/out/**"]
root = snapshot_download(
    repository, repo_type="dataset", allow_patterns=parts, local_dir=Path(gettempdir()) / "janus-jobs"
)
folder = Path(root) / name
sys.path.insert(0, str(folder / "in"))
sys.argv = ["", "--repository", repository, "--name", name, "--folder", str(folder), *sys.argv[3:]]
runpy.run_module("trainer.remote_machine", run_name="__main__")
"""


class Rental(BaseModel):
    """Which machine a job runs on, and what was agreed to: remote.json. There is no key in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flavor: str
    usd_an_hour: float
    most_hours: float
    repository: str
    """The private dataset repository through which everything goes."""
    name: str
    """The job's folder in it."""
    attempt: int = 1
    """How many machines there have been: a run that was stopped goes on where the one before has handed back."""
    machine: str | None = None
    """The Hub's number of the machine, once it is started."""
    goes_on_from: str | None = None
    """The folder of another run in the repository, whose checkpoints this one begins with."""

    @property
    def owner(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def label(self) -> str:
        return f"{self.name}-{self.attempt}"


def rental_of(job: Job) -> Rental:
    """Read which machine a job runs on.

    Raises:
        JobRefused: remote.json is damaged
    """
    try:
        return Rental.model_validate(read_json(job.folder / REMOTE))
    except ValueError as error:
        raise JobRefused(f"{job.folder / REMOTE} is damaged: start the run again in another folder.") from error


def start_remote(
    jobs: Jobs,
    config: TrainConfig,
    flavor: str,
    *,
    hours: float | None = None,
    accepts_price: bool = False,
    folder: Path | None = None,
    goes_on_from: Rental | None = None,
) -> Job:
    """Rent a machine for a run, or attach to the one that is at it; a new run may go on from another one's checkpoints.

    Raises:
        PriceNotAccepted: it costs money, and nobody has agreed yet; the sentence says how much
        JobRefused: it cannot be had, or the folder holds another run
    """
    asked = config.model_dump(mode="json")
    folder = (folder or jobs.new_folder(VERB)).absolute()
    job = Job(VERB, folder.name, folder)
    before = read_json(folder / ASKED)
    if before is not None and before != asked:
        refuse_another(folder, before, asked)
    if (folder / "request.json").exists() and not job.is_remote:
        raise JobRefused(f"{folder} holds a run of this machine, which a rented one cannot go on with: name another.")
    if job.is_remote and (job.is_live or job.status == "finished" or _is_running(hub(), rental_of(job))):
        job = jobs.create(VERB, job.request or asked, folder)
        if job.status != "finished":
            jobs.start(job)
        return job
    _refuse_what_cannot_travel(config)
    api = hub()
    offered = quote(api, config, flavor, hours)
    if not accepts_price:
        raise PriceNotAccepted(offered.sentence)
    rental = _agreed(api, offered, rental_of(job) if job.is_remote else None)
    if goes_on_from is not None:
        known = {"repository": goes_on_from.repository, "goes_on_from": goes_on_from.name}
        rental = rental.model_copy(update=known)
    job = jobs.create(VERB, job.request or asked, folder)
    write_json(folder / ASKED, asked)
    write_json(folder / REMOTE, rental.model_dump())
    jobs.start(job)
    return job


def started(api: HfApi, job: Job, look_every_seconds: float = 15.0) -> Rental | None:
    """Return the machine of a job: the one that is known, one that was started unnoticed, or a new one.

    None where somebody wishes the job to stop before there is one.

    Raises:
        JobRefused: the Hub said no
    """
    rental = rental_of(job)
    if rental.machine is not None:
        return rental
    with hub_in_words():
        known = next(iter(api.list_jobs(labels={LABEL: rental.label}, namespace=rental.owner)), None)
        if known is None:
            stage(api, TrainConfig.read(read_json(job.folder / ASKED) or {}), rental)
            if job.is_asked_to_stop:
                return None
            known = _rent(api, rental, look_every_seconds)
    rental = rental.model_copy(update={"machine": known.id})
    write_json(job.folder / REMOTE, rental.model_dump())
    return rental


def stage(api: HfApi, config: TrainConfig, rental: Rental) -> None:
    """Put everything that the run reads into the private repository."""
    api.create_repo(rental.repository, repo_type="dataset", private=True, exist_ok=True)
    if not api.repo_info(rental.repository, repo_type="dataset").private:
        raise JobRefused(f"The dataset {rental.repository} is public, and your data would be, too: make it private.")
    with tempfile.TemporaryDirectory(prefix="janus-stage-") as scratch:
        folder = Path(scratch)
        (folder / "config.yaml").write_text(_packed(config, folder).to_yaml(), "utf-8")
        ours = Path(trainer.__file__).parent
        shutil.copytree(ours, folder / "trainer", ignore=shutil.ignore_patterns("__pycache__"))
        api.upload_folder(
            repo_id=rental.repository,
            repo_type="dataset",
            folder_path=folder,
            path_in_repo=f"{rental.name}/in",
            commit_message="A run is asked for",
        )
    if rental.goes_on_from is not None and rental.attempt == 1:
        _hand_on(api, rental, rental.goes_on_from)


def _hand_on(api: HfApi, rental: Rental, before: str) -> None:
    """Copy another run's checkpoints and events on the Hub, where large files are copied without travelling."""
    from huggingface_hub import CommitOperationCopy

    files = api.list_repo_files(rental.repository, repo_type="dataset")
    kept = (f"{before}/out/checkpoints/", f"{before}/out/events.jsonl")
    copies = [
        CommitOperationCopy(file, rental.name + file.removeprefix(before)) for file in files if file.startswith(kept)
    ]
    if copies:
        api.create_commit(
            rental.repository,
            copies,
            repo_type="dataset",
            commit_message="A run goes on from another one's checkpoints",
        )


def _packed(config: TrainConfig, folder: Path) -> TrainConfig:
    """Copy what a config names on this machine into a folder, and name it by its place there."""
    changed: dict[str, Any] = {}
    for name in ("dataset", "eval_dataset"):
        text = getattr(config, name)
        if text and (path := local_folder(text)).exists():
            file = table_of(path, config.method) if path.is_dir() else path
            (folder / name).mkdir()
            shutil.copyfile(file, folder / name / file.name)
            changed[name] = f"{name}/{file.name}"
    spec = ModelSpec.parse(config.model)
    if spec.adapter is not None and is_folder_name(spec.adapter):
        shutil.copytree(local_folder(spec.adapter), folder / "adapter")
        changed["model"] = str(replace(spec, adapter="./adapter"))
    return config.model_copy(update=changed)


def _rent(api: HfApi, rental: Rental, look_every_seconds: float) -> Any:
    from huggingface_hub import get_token

    libraries = [part for name in _LIBRARIES for part in ("--with", f"{name}=={version(name).partition('+')[0]}")]
    seconds = int(rental.most_hours * 3600)
    told = ["--attempt", str(rental.attempt), "--seconds", str(seconds), "--look-every", str(look_every_seconds)]
    is_elsewhere = api.endpoint != _PUBLIC_HUB
    return api.run_job(
        image=_IMAGE,
        command=["uv", "run", "--no-project", *libraries, "python", "-c", _BOOT, rental.repository, rental.name, *told],
        env={"PYTHONUNBUFFERED": "1"} | ({"HF_ENDPOINT": api.endpoint} if is_elsewhere else {}),
        secrets={"HF_TOKEN": get_token()},
        flavor=rental.flavor,
        timeout=seconds,
        name=f"janus-{rental.label}",
        labels={LABEL: rental.label},
        namespace=rental.owner,
    )


def _agreed(api: HfApi, offered: Quote, before: Rental | None) -> Rental:
    """Write down what was agreed to; a run that was stopped goes on in its folder of the repository."""
    terms = {"flavor": offered.flavor, "usd_an_hour": offered.usd_an_hour, "most_hours": offered.most_hours}
    if before is not None:
        return before.model_copy(update={**terms, "attempt": before.attempt + 1, "machine": None})
    with hub_in_words():
        owner = str(api.whoami()["name"])
    return Rental(repository=f"{owner}/{_REPOSITORY}", name=f"run-{secrets.token_hex(6)}", **terms)


def _is_running(api: HfApi, rental: Rental) -> bool:
    if rental.machine is None:
        return False
    try:
        with hub_in_words():
            return is_running(api.inspect_job(job_id=rental.machine, namespace=rental.owner).status)
    except HubUnknown:  # it forgets machines after a while
        return False


def is_running(status: JobStatus) -> bool:
    """Say whether a machine of the Hub is still to be paid for, or waited for."""
    return status.stage in ("SCHEDULING", "RUNNING")


def _refuse_what_cannot_travel(config: TrainConfig) -> None:
    if ModelSpec.parse(config.model).kind == "path":
        raise JobRefused(
            "model: the weights of a folder on this machine are not sent to a rented one; publish the model, and name"
            " it as hf:org/name."
        )
