"""`python -m janus_space.train_worker FOLDER`: does the training job of a folder, as `python -m trainer train` does.

It trains on the devices whose turn the supervisor has waited for, which process.json names; where a rented machine does
the work, it follows that one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from janus_space.devices import show_alone
from janus_space.errors import JobRefused
from janus_space.home import Home
from janus_space.job import Job
from janus_space.remote_follow import follow
from janus_space.training import VERB, asked_of
from trainer.config import TrainConfig
from trainer.errors import TrainerError
from trainer.job_folder import WHY, JobFolder, failure
from trainer.launch import is_spread
from trainer.quiet import quieten


def main(argv: list[str]) -> int:
    """Do the job; what became of it stands in its folder."""
    job = Job(VERB, Path(argv[0]).name, Path(argv[0]))
    folder = JobFolder(job.folder)
    config = asked_of(job)
    if show_alone(job.work.devices if job.work else ()):
        config = config.model_copy(update={"device": "cuda"})
    try:
        end = follow(job) if job.is_remote else _train(config, folder)
    except (TrainerError, JobRefused) as error:
        end = failure(error)
    folder.log(end.get("reason") or f"{end['state'].capitalize()}.")
    folder.write("exit.json", end)
    return 0 if end["state"] != "failed" else 1


def _train(config: TrainConfig, folder: JobFolder) -> dict[str, Any]:
    quieten()
    # Imported here: what they read from the environment is only now as it should be.
    from trainer.defaults import settle
    from trainer.spread import run_spread
    from trainer.train import train

    config, why = settle(config)
    is_asked_to_stop = folder.is_asked_to_stop
    with folder.begun(config.model_dump(mode="json")) as earlier_end:
        if earlier_end is not None:
            return earlier_end
        if is_asked_to_stop:  # since the supervisor began; a new start forgets the wishes of an earlier one
            (folder.path / "stop").touch()
        folder.write(WHY, why)
        work = run_spread if is_spread(config) else train
        return work(config, folder, Home.at(None).models)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
