"""Jobs as folders, with real supervisors and workers; some of them killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from janus_space.augment_order import VERB, go_on, start_augment
from janus_space.errors import JobRefused
from janus_space.home import Home
from janus_space.job import Job, tail, write_json
from janus_space.jobs import Jobs, slug
from janus_space.processes import ProcessMark
from tests.janus_space.job_doubles import SlowTeacher, ended, instructions, order, slow_teacher, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def jobs(janus_home: Path) -> Jobs:
    return Jobs(Home.at(janus_home))


@pytest.fixture
def teaching() -> Iterator[tuple[SlowTeacher, str]]:
    with slow_teacher() as (teacher, served):
        yield teacher, f"openai:m@{served.url}"


def written(jobs: Jobs, name: str, **files: dict[str, Any]) -> Job:
    folder = jobs.home.jobs / VERB / name
    folder.mkdir(parents=True)
    write_json(folder / "request.json", {"name": name})
    for file, value in files.items():
        write_json(folder / f"{file}.json", value)
    return Job(VERB, name, folder)


def alive() -> dict[str, Any]:
    mark = ProcessMark.of(os.getpid())
    assert mark is not None
    return mark.as_dict()


GONE = {"pid": 1, "born": "0", "boot": "earlier"}


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({}, "lost"),
        ({"process": {"supervisor": GONE, "worker": None}}, "lost"),
        ({"process": {"supervisor": GONE, "worker": GONE}}, "lost"),
        ({"process": {"supervisor": "alive", "worker": None}}, "queued"),
        ({"process": {"supervisor": "alive", "worker": "alive"}}, "running"),
        ({"process": {"supervisor": GONE, "worker": "alive"}}, "running"),
        ({"process": {"supervisor": "alive", "worker": "alive"}, "stop": {}}, "stopping"),
        ({"process": {"supervisor": "alive", "worker": "alive"}, "exit": {"state": "done"}}, "running"),
        ({"process": {"supervisor": GONE, "worker": GONE}, "exit": {"state": "done"}}, "finished"),
        ({"exit": {"state": "stopped"}, "stop": {}}, "stopped"),
        ({"exit": {"state": "budget spent"}}, "stopped"),
        ({"exit": {"state": "estimated"}}, "stopped"),
        ({"exit": {"state": "halted"}}, "failed"),
        ({"exit": {"state": "failed"}}, "failed"),
    ],
)
def test_the_status_follows_from_the_folder(jobs: Jobs, files: dict[str, Any], status: str) -> None:
    process = {key: alive() if value == "alive" else value for key, value in files.pop("process", {}).items()}
    job = written(jobs, "one", **files, **({"process": process} if process else {}))
    if (job.folder / "stop.json").exists():
        (job.folder / "stop.json").rename(job.folder / "stop")
    assert job.status == status


def test_jobs_are_listed_newest_first_and_found_by_any_name(jobs: Jobs) -> None:
    early = written(jobs, "early", process={"asked_at": 1.0})
    late = written(jobs, "late", process={"asked_at": 2.0})
    (jobs.home.jobs / VERB / "no-job").mkdir()
    assert [job.name for job in jobs.list()] == ["late", "early"]
    assert jobs.list("train") == []
    assert jobs.find("early") == jobs.find("augment/early") == jobs.find(str(early.folder)) == early
    with pytest.raises(JobRefused, match=r"no job 'lat'; there are augment/late, augment/early"):
        jobs.find("lat")
    other = jobs.home.jobs / "train" / "late"
    other.mkdir(parents=True)
    write_json(other / "request.json", {})
    with pytest.raises(JobRefused, match=r"(augment|train)/late or (augment|train)/late"):
        jobs.find(late.name)


def test_a_torn_line_is_not_an_event_and_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"event": "a"}\n{"event": "b", "torn\n[1]\n{"event": "c"}\n')
    assert [event["event"] for event in Job(VERB, "x", tmp_path).events()] == ["a", "c"]
    (tmp_path / "log.txt").write_bytes(b"first line\n" + b"x" * 100 + b"\nlast \xff line\n")
    assert tail(tmp_path / "log.txt", 30).splitlines() == ["last \N{REPLACEMENT CHARACTER} line"]
    assert tail(tmp_path / "nothing", 30) == ""


@pytest.mark.parametrize(("wish", "name"), [("My job!", "My-job"), ("../../x", "x"), ("", ""), ("a" * 99, "a" * 60)])
def test_a_name_from_a_person_becomes_a_safe_one(wish: str, name: str) -> None:
    assert slug(wish) == name


def test_a_job_elsewhere_is_listed_here_once(jobs: Jobs, tmp_path: Path) -> None:
    elsewhere = tmp_path / "my out"
    for _ in range(2):
        job = jobs.create(VERB, {"a": 1}, elsewhere)
    assert (job.name, job.folder) == ("my-out", elsewhere)
    assert [one.folder for one in jobs.list()] == [elsewhere]
    written(jobs, "taken")
    assert jobs.create(VERB, {}, tmp_path / "taken").name == "taken-2"
    (tmp_path / "x").mkdir()
    assert jobs.create(VERB, {}, tmp_path / "x" / "my out").name == "my-out-2"
    (tmp_path / "file").write_text("")
    with pytest.raises(JobRefused, match="cannot hold a job"):
        jobs.create(VERB, {}, tmp_path / "file")


def test_a_job_runs_to_its_end_by_itself(jobs: Jobs, tmp_path: Path) -> None:
    job = start_augment(jobs, order(instructions(tmp_path), "echo:"))
    assert job.status in ("queued", "running")
    assert ended(job).status == "finished"
    assert len((job.folder / "dataset/sft.jsonl").read_text().splitlines()) == 16
    with pytest.raises(JobRefused, match="is not running: it is finished"):
        jobs.stop(job)
    with pytest.raises(JobRefused, match="is not running"):
        jobs.kill(job)


def test_stopped_and_resumed_it_pays_nothing_twice(
    jobs: Jobs, teaching: tuple[SlowTeacher, str], tmp_path: Path
) -> None:
    teacher, spec = teaching
    request = order(instructions(tmp_path, 20), spec)
    job = start_augment(jobs, request, tmp_path / "out")
    wait_until(lambda: sum(teacher.bodies.values()) > 10)
    assert not go_on(jobs, job), "somebody is at it already"
    with pytest.raises(JobRefused, match=r"is at work in .* with other settings"):
        jobs.create(VERB, {"other": "settings"}, tmp_path / "out")
    jobs.stop(job)
    assert job.status in ("stopping", "stopped")
    assert ended(job).status == "stopped"
    teacher.seconds = 0
    assert start_augment(jobs, request, tmp_path / "out") == job
    assert ended(job).status == "finished"
    assert set(teacher.bodies.values()) == {1}


def test_a_paused_job_asks_nothing_until_it_goes_on(
    jobs: Jobs, teaching: tuple[SlowTeacher, str], tmp_path: Path
) -> None:
    teacher, spec = teaching
    job = start_augment(jobs, order(instructions(tmp_path, 30), spec))
    wait_until(lambda: sum(teacher.bodies.values()) > 4)
    jobs.pause(job, True)
    wait_until(lambda: job.events() and job.events()[-1].get("is_paused"))
    asked = sum(teacher.bodies.values())
    wait_until(lambda: len([one for one in job.events() if one.get("is_paused")]) > 2)
    assert sum(teacher.bodies.values()) <= asked + 2
    assert job.status == "running"
    jobs.pause(job, False)
    wait_until(lambda: sum(teacher.bodies.values()) > asked + 4)
    jobs.kill(job)
    ended(job)


def test_a_killed_worker_leaves_a_sentence_and_a_killed_job_is_lost(
    jobs: Jobs, teaching: tuple[SlowTeacher, str], tmp_path: Path
) -> None:
    teacher, spec = teaching
    job = start_augment(jobs, order(instructions(tmp_path, 30), spec))
    for victims in (("worker",), ("supervisor", "worker")):
        seen = len(teacher.bodies)
        wait_until(lambda seen=seen: len(teacher.bodies) > seen + 4)
        work = job.work
        assert work is not None
        for victim in victims:
            mark = getattr(work, victim)
            os.kill(mark.pid, signal.SIGKILL)
        ended(job)
        if victims == ("worker",):
            assert job.status == "failed"
            assert "killed from outside" in (job.end or {})["reason"]
        else:
            assert job.status == "lost"
        go_on(jobs, job)
    teacher.seconds = 0
    assert ended(job).status == "finished"
    assert max(teacher.bodies.values()) <= 3


def test_kill_ends_the_worker_at_once_and_says_whose_wish_it_was(
    jobs: Jobs, teaching: tuple[SlowTeacher, str], tmp_path: Path
) -> None:
    teacher, spec = teaching
    teacher.seconds = 60
    job = start_augment(jobs, order(instructions(tmp_path), spec))
    wait_until(lambda: sum(teacher.bodies.values()) > 0)
    jobs.kill(job)
    wait_until(lambda: not job.is_live, 5)
    assert job.status == "stopped"
    assert (job.end or {})["reason"] == "It was killed at your wish."


def test_jobs_that_want_one_device_take_turns(jobs: Jobs, teaching: tuple[SlowTeacher, str], tmp_path: Path) -> None:
    teacher, spec = teaching
    teacher.seconds = 60
    path = instructions(tmp_path)
    first, second, third = (
        jobs.create(VERB, order(path, spec, seed=seed).model_dump(mode="json"), tmp_path / f"job{seed}")
        for seed in range(3)
    )
    jobs.start(first, devices=["cuda:0", "cuda:1"])
    wait_until(lambda: first.status == "running")
    jobs.start(second, devices=["cuda:1"])
    jobs.start(third, devices=["cpu"])
    wait_until(lambda: third.status == "running")
    assert second.status == "queued"
    assert jobs.must_wait_for(second) == first
    jobs.kill(first)
    wait_until(lambda: second.status == "running")
    for job in (second, third):
        jobs.kill(job)
        ended(job)


def test_a_queued_job_can_be_stopped_before_its_turn(
    jobs: Jobs, teaching: tuple[SlowTeacher, str], tmp_path: Path
) -> None:
    teacher, spec = teaching
    teacher.seconds = 60
    path = instructions(tmp_path)
    running, queued = (
        jobs.create(VERB, order(path, spec, seed=seed).model_dump(mode="json"), tmp_path / f"job{seed}")
        for seed in range(2)
    )
    jobs.start(running, devices=["cpu"])
    wait_until(lambda: running.status == "running")
    jobs.start(queued, devices=["cpu"])
    assert queued.status == "queued"
    jobs.stop(queued)
    assert ended(queued).status == "stopped"
    jobs.kill(running)
    ended(running)


def test_a_lent_key_reaches_the_teacher_and_no_file_and_no_command_line(jobs: Jobs, tmp_path: Path) -> None:
    secret = "sk-SENTINEL-of-this-test"
    with slow_teacher(0.2) as (teacher, served):
        job = start_augment(jobs, order(instructions(tmp_path), f"openai:m@{served.url}"), keys={served.url: secret})
        wait_until(lambda: len(served.asked) > 2)
        work = job.work
        assert work is not None
        for mark in (work.supervisor, work.worker):
            assert mark is not None
            assert secret not in Path(f"/proc/{mark.pid}/cmdline").read_text()
        teacher.seconds = 0
        assert ended(job).status == "finished"
        assert {asked.headers["authorization"] for asked in served.asked} == {f"Bearer {secret}"}
    for file in (path for path in job.folder.rglob("*") if path.is_file()):
        assert secret.encode() not in file.read_bytes(), file


def test_a_job_outlives_whoever_started_it(jobs: Jobs, tmp_path: Path) -> None:
    with slow_teacher(0.1) as (teacher, served):
        command = ["augment", "--instructions", str(instructions(tmp_path)), "--teacher", f"openai:m@{served.url}"]
        app = subprocess.Popen([sys.executable, "-m", "janus_space", *command, "--out", tmp_path / "out"], cwd=ROOT)
        wait_until(lambda: sum(teacher.bodies.values()) > 3)
        app.kill()
        app.wait()
        (job,) = jobs.list()
        assert job.status == "running"
        teacher.seconds = 0
        assert ended(job).status == "finished"
        assert json.loads((job.folder / "exit.json").read_text())["rows"] == 24


def test_what_cannot_start_says_so(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.create(VERB, {"not": "a request"}, tmp_path / "out")
    jobs.start(job)
    assert ended(job).status == "failed"
    assert "exit code" in (job.end or {})["reason"]
    assert any("ValidationError" in line for line in job.log())
