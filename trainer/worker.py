"""One process of a run: what torchrun, accelerate and the estimate start."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from trainer.config import TrainConfig
from trainer.errors import BadConfig, TrainerError
from trainer.job_folder import JobFolder, failure
from trainer.quiet import quieten
from trainer.spread import ENDS_WITH_LAUNCHER

_LOOK_EVERY_SECONDS, _LOOKS = 0.5, 240


def main() -> int:
    """Do the work of the request in a job's folder as one of its processes; the first tells the end in worker.json."""
    parser = argparse.ArgumentParser(prog="python -m trainer.worker")
    parser.add_argument("job", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--dry", action="store_true")
    called = parser.parse_args()
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    quieten()
    from trainer.train import train  # imported here: only now are the libraries behind it quiet

    folder = JobFolder(called.job, _say, is_writer=os.environ.get("RANK", "0") == "0")
    try:
        config = _on_this_device(TrainConfig(**_request(folder)))
        end = train(config, folder, called.models, called.dry)
    except TrainerError as error:
        folder.write("worker.json", failure(error))
        return 1
    folder.write("worker.json", end)
    return 0


def _end_with_launcher() -> None:
    """End this process when the one that started the run is gone: torchrun would go on without it, unseen."""
    if ENDS_WITH_LAUNCHER in os.environ:
        # Nothing is ever written there. Not by sys.stdin: its lock, held by a thread, breaks Python's own end.
        os.read(0, 1)
        os._exit(1)  # the main thread may be deep inside a step


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _request(folder: JobFolder) -> dict[str, Any]:
    """Read what is asked; on other machines than the first it may take a while to be there."""
    for _ in range(_LOOKS):
        found = folder.read("request.json")
        if found is not None:
            return found
        time.sleep(_LOOK_EVERY_SECONDS)
    raise BadConfig(f"There is no request in {folder.path}: share the job's folder among the machines.")


def _on_this_device(config: TrainConfig) -> TrainConfig:
    """Give each process of a machine its own GPU."""
    if config.device == "cpu":
        return config
    return config.model_copy(update={"device": f"cuda:{os.environ.get('LOCAL_RANK', '0')}"})


if __name__ == "__main__":
    sys.exit(main())
