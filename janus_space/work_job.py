"""What every worker does around its work: take the job's folder, hear the wishes, and write down how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pydantic import BaseModel

from data_gen.errors import DataGenError
from data_gen.job_folder import JobFolder
from janus_space.errors import SpaceError
from trainer.errors import TrainerError


def work_job(folder: JobFolder, request: BaseModel, work: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> int:
    """Do the work of a job and return the exit code; what became of it stands in its folder.

    Where another process has just done the same job, there is nothing left to do.
    """
    wishes = {name: path.read_bytes() for name in ("stop", "pause") if (path := folder.path / name).exists()}
    with folder.begun(request.model_dump(mode="json")) as others_end:
        if others_end is not None:
            return 0
        # A new start forgets the wishes of an earlier one, and with them what was wished since the supervisor began.
        for name, wish in wishes.items():
            (folder.path / name).write_bytes(wish)
        try:
            end = asyncio.run(work())
        except (DataGenError, SpaceError, TrainerError) as error:
            end = {"state": "failed", "reason": str(error)}
        except OSError as error:
            reason = f"Cannot write to {error.filename or folder.path} ({error.strerror}): make room, then resume it."
            end = {"state": "failed", "reason": f"{reason} What was answered is kept."}
        folder.log(end.get("reason") or f"{end['state'].capitalize()}.")
        folder.finish(end)
    return 0 if end["state"] != "failed" else 1
