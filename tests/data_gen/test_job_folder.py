from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from data_gen.job_folder import JobFolder


def test_a_job_leaves_its_request_events_log_and_end(tmp_path: Path) -> None:
    said: list[str] = []
    folder = JobFolder(tmp_path / "new/job", said.append)
    with folder.begun({"sets": 3}) as others_end:
        assert others_end is None
        folder.event("progress", rows=1)
        folder.log("One row.")
        assert not folder.is_asked_to_stop
        (folder.path / "stop").touch()
        assert folder.is_asked_to_stop
        folder.finish({"state": "done"})
    assert json.loads((folder.path / "request.json").read_text()) == {"sets": 3}
    assert json.loads((folder.path / "exit.json").read_text()) == {"state": "done"}
    (event,) = map(json.loads, (folder.path / "events.jsonl").read_text().splitlines())
    assert (event["event"], event["rows"]) == ("progress", 1)
    assert said == ["One row."]
    assert (folder.path / "log.txt").read_text().endswith(" One row.\n")


def test_going_on_forgets_the_old_end_and_wish_to_stop_and_keeps_events(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    (tmp_path / "exit.json").write_text("{}")
    (tmp_path / "events.jsonl").write_text('{"event": "old"}\n{"event": "to')
    folder = JobFolder(tmp_path)
    with folder.begun({}):
        folder.event("new")
        assert not folder.is_asked_to_stop
        assert not (tmp_path / "exit.json").exists()
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0]) == {"event": "old"}
    assert json.loads(lines[2])["event"] == "new"


def test_another_job_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        JobFolder(tmp_path).begun({"seed": 1}),
        pytest.raises(BadRequest, match="Another process is at work"),
        JobFolder(tmp_path).begun({"seed": 2}),
    ):
        pass
    with JobFolder(tmp_path).begun({"seed": 2}) as others_end:
        assert others_end is None


@pytest.mark.parametrize(("end", "expected"), [({"state": "done", "rows": 3}, 3), (None, None)])
def test_the_same_job_waits_for_the_running_one_and_takes_over_if_that_is_killed(
    tmp_path: Path, end: dict[str, object] | None, expected: int | None
) -> None:
    is_running = threading.Event()

    def first() -> None:
        folder = JobFolder(tmp_path)
        with folder.begun({"seed": 1}):
            is_running.set()
            time.sleep(0.3)
            if end is not None:
                folder.finish(end)

    thread = threading.Thread(target=first)
    thread.start()
    is_running.wait()
    said: list[str] = []
    with JobFolder(tmp_path, said.append).begun({"seed": 1}) as others_end:
        assert (others_end or {}).get("rows") == expected
    thread.join()
    assert "running in" in said[0]


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "job").touch()
    with pytest.raises(BadRequest, match="cannot hold a job"), JobFolder(tmp_path / "job").begun({}):
        pass
