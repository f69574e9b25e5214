"""`python -m janus_space.train_worker FOLDER`: does the training job of a folder, as `python -m trainer train` does.

It trains on the devices whose turn the supervisor has waited for, which process.json names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from janus_space.home import Home
from janus_space.job import Job
from janus_space.training import VERB, asked_of
from trainer.config import TrainConfig
from trainer.errors import TrainerError
from trainer.job_folder import JobFolder, failure
from trainer.launch import is_spread
from trainer.quiet import quieten


def main(argv: list[str]) -> int:
    """Do the job; what became of it stands in its folder."""
    job = Job(VERB, Path(argv[0]).name, Path(argv[0]))
    folder = JobFolder(job.folder)
    try:
        end = _train(_on_its_devices(asked_of(job), job), folder)
    except TrainerError as error:
        end = failure(error)
    folder.log(end.get("reason") or f"{end['state'].capitalize()}.")
    folder.write("exit.json", end)
    return 0 if end["state"] != "failed" else 1


def _train(config: TrainConfig, folder: JobFolder) -> dict[str, Any]:
    quieten()
    # Imported here: what they read from the environment is only now as it should be.
    from trainer.defaults import settled
    from trainer.spread import run_spread
    from trainer.train import train

    config = settled(config)
    is_asked_to_stop = folder.is_asked_to_stop
    with folder.begun(config.model_dump(mode="json")) as earlier_end:
        if earlier_end is not None:
            return earlier_end
        if is_asked_to_stop:  # since the supervisor began; a new start forgets the wishes of an earlier one
            (folder.path / "stop").touch()
        work = run_spread if is_spread(config) else train
        return work(config, folder, Home.at(None).models)


def _on_its_devices(config: TrainConfig, job: Job) -> TrainConfig:
    """Show the run its own GPUs alone; must be done before torch looks for them."""
    devices = job.work.devices if job.work else ()
    numbers = [device.removeprefix("cuda:") for device in devices if device.startswith("cuda:")]
    if not numbers:
        return config
    # The driver's tool counts by bus, CUDA by speed unless told otherwise.
    os.environ |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(numbers)}
    return config.model_copy(update={"device": "cuda"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
