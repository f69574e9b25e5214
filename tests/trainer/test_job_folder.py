from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from trainer.errors import BadConfig, JobBusy
from trainer.job_folder import JobFolder, whole_file

REQUEST = {"method": "sft", "learning_rate": 0.1, "machine_rank": 0}


def test_a_job_leaves_its_request_and_no_old_wish(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "stop").touch()
    with folder.begun(REQUEST) as end:
        assert end is None
        assert not folder.is_asked_to_stop
        folder.event("step", step=1, loss=0.5)
    assert folder.read("request.json") == REQUEST
    assert folder.events("step")[0]["loss"] == 0.5


def test_a_torn_line_stays_alone_and_is_no_event(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    (tmp_path / "events.jsonl").write_text('{"event": "step", "step": 1}\n{"event": "step", "st')
    with folder.begun(REQUEST):
        folder.event("step", step=2)
    assert [event["step"] for event in folder.events("step")] == [1, 2]


def test_the_end_of_a_done_job_is_told_again_and_other_settings_are_refused(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    with folder.begun(REQUEST):
        folder.write("exit.json", {"state": "done"})
    with folder.begun(REQUEST | {"machine_rank": 1}) as end:
        assert end == {"state": "done"}
    with pytest.raises(BadConfig, match="another learning_rate"), folder.begun(REQUEST | {"learning_rate": 0.2}):
        pass


def test_a_stopped_job_begins_again(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    with folder.begun(REQUEST):
        folder.write("exit.json", {"state": "stopped"})
    with folder.begun(REQUEST) as end:
        assert end is None


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    with (
        JobFolder(tmp_path).begun(REQUEST),
        pytest.raises(JobBusy, match="wait for it, stop it"),
        JobFolder(tmp_path).begun(REQUEST | {"learning_rate": 0.2}),
    ):
        pass


def test_the_same_command_waits_for_the_one_at_work(tmp_path: Path) -> None:
    began, said = threading.Event(), []

    def work() -> None:
        first = JobFolder(tmp_path)
        with first.begun(REQUEST):
            began.set()
            waited.wait(20)
            first.write("exit.json", {"state": "done", "steps": 7})

    waited = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        waited.set()

    worker = threading.Thread(target=work)
    worker.start()
    began.wait(20)
    with JobFolder(tmp_path, say).begun(REQUEST) as end:
        assert end == {"state": "done", "steps": 7}
    worker.join()
    assert "is running" in said[0]


def test_only_the_first_process_of_several_writes(tmp_path: Path) -> None:
    other = JobFolder(tmp_path, is_writer=False)
    other.event("step", step=1)
    other.log("words")
    other.write("exit.json", {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    with suppress(RuntimeError), whole_file(tmp_path / "a.json") as file:
        file.write(json.dumps({"half": True}))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
