"""`python -m janus_space.publish_worker FOLDER [--dry-run] [--accept=QUESTION…]`: does the publish job of a folder.

The token comes by HF_TOKEN, in this process's environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from data_gen.errors import DataGenError
from data_gen.job_folder import JobFolder
from janus_space.errors import SpaceError
from janus_space.home import Home
from janus_space.job import read_json, write_json
from janus_space.publish_order import ACCEPT, DRY_RUN, PublishJob
from trainer.errors import TrainerError
from trainer.quiet import quieten

ACCEPTED = "accepted.json"


def main(argv: list[str]) -> int:
    """Do the job; what became of it stands in its folder."""
    folder = JobFolder(Path(argv[0]))
    request = PublishJob.model_validate_json((folder.path / "request.json").read_text("utf-8"))
    accepted = _accepted(folder.path, {one.removeprefix(ACCEPT) for one in argv if one.startswith(ACCEPT)})
    is_asked_to_stop = folder.is_asked_to_stop
    with folder.begun(request.model_dump(mode="json")) as others_end:
        if others_end is not None:
            return 0
        if is_asked_to_stop:  # since the supervisor began; a new start forgets the wishes of an earlier one
            (folder.path / "stop").touch()
        try:
            end = _publish(request, folder, accepted, is_dry_run=DRY_RUN in argv)
        except (DataGenError, SpaceError, TrainerError) as error:
            end = {"state": "failed", "kind": type(error).__name__, "reason": str(error)}
        except OSError as error:
            reason = f"Cannot write to {error.filename or folder.path} ({error.strerror}): make room, then resume it."
            end = {"state": "failed", "reason": reason}
        folder.log(end.get("reason") or f"{end['state'].capitalize()}.")
        folder.finish(end)
    return 0 if end["state"] != "failed" else 1


def _publish(request: PublishJob, folder: JobFolder, accepted: frozenset[str], is_dry_run: bool) -> dict[str, Any]:
    quieten()
    # Progress belongs to the job's events. The older way of sending tells its bytes, and is cut in the tests.
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    os.environ.pop("HF_HUB_DISABLE_IMPLICIT_TOKEN", None)  # the page sets it for itself; a gated base needs the token
    # Imported here: what it reads from the environment is only now as it should be.
    from janus_space.publish.chain import finetune_and_publish
    from janus_space.publish.hub import Hub
    from janus_space.publish.work import Stopped, Work, publish

    work = Work(request, folder, Home.at(None), Hub.of_environment(), accepted, is_dry_run)
    try:
        return publish(work) if request.config is None else finetune_and_publish(work)
    except Stopped:
        return {"state": "stopped", "reason": "Stopped at your wish; what was done is kept, and resuming goes on."}


def _accepted(folder: Path, now: set[str]) -> frozenset[str]:
    """Remember what a person has accepted, so that it is not asked again after a cut."""
    before = (read_json(folder / ACCEPTED) or {}).get("accepted", [])
    if now - set(before):
        write_json(folder / ACCEPTED, {"accepted": sorted(now | set(before))})
    return frozenset(now | set(before))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
