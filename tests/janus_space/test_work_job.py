"""Around a job's work: how it ended is written down whatever happens, and wishes made before the start are kept."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from data_gen.errors import BadRequest
from data_gen.job_folder import JobFolder
from janus_space.errors import UnknownModel
from janus_space.work_job import work_job
from trainer.errors import BadConfig


class Request(BaseModel):
    what: str = "sums"


def worked(folder: Path, work: Callable[[], dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    async def do() -> dict[str, Any]:
        return work()

    code = work_job(JobFolder(folder), Request(), do)
    return code, json.loads((folder / "exit.json").read_text("utf-8"))


def test_its_end_is_written_down_with_what_was_asked(tmp_path: Path) -> None:
    assert worked(tmp_path, lambda: {"state": "done", "sum": 4}) == (0, {"state": "done", "sum": 4})
    assert json.loads((tmp_path / "request.json").read_text("utf-8")) == {"what": "sums"}
    assert (tmp_path / "log.txt").read_text("utf-8").endswith(" Done.\n")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadRequest("There is no file."), "There is no file."),
        (UnknownModel("Nobody goes by that."), "Nobody goes by that."),
        (BadConfig("That cannot be trained."), "That cannot be trained."),
        (OSError(errno.ENOSPC, "No space left on device", "rows.jsonl"), "Cannot write to rows.jsonl (No space left"),
    ],
)
def test_what_goes_wrong_is_told_in_one_sentence(tmp_path: Path, error: Exception, told: str) -> None:
    def breaks() -> dict[str, Any]:
        raise error

    code, end = worked(tmp_path, breaks)
    assert (code, end["state"]) == (1, "failed")
    assert end["reason"].startswith(told)


def test_a_wish_that_came_before_it_began_is_heard(tmp_path: Path) -> None:
    (tmp_path / "stop").write_text("kill")
    code, end = worked(tmp_path, lambda: {"state": "stopped", "reason": (tmp_path / "stop").read_text()})
    assert (code, end["reason"]) == (0, "kill")
