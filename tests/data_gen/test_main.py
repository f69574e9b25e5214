"""`python -m data_gen`, as scripts see it: real processes, some of them killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint import Endpoint, endpoint
from tests.teacher import ScriptedTeacher

ROOT = Path(__file__).parents[2]
KILLS = 3


@pytest.fixture
def teacher() -> ScriptedTeacher:
    return ScriptedTeacher()


@pytest.fixture
def server(teacher: ScriptedTeacher) -> Iterator[Endpoint]:
    with endpoint(teacher) as served:
        yield served


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    lines = [json.dumps({"prompt": f"What is so special about the number {number}?"}) for number in range(24)]
    (tmp_path / "asked.jsonl").write_text("\n".join(lines))
    return tmp_path / "asked.jsonl"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "data_gen", "augment", *map(str, arguments)]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


def dataset(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "dataset").iterdir()}


def test_json_is_all_that_stdout_holds(server: Endpoint, asked: Path, tmp_path: Path) -> None:
    done = run(
        "--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", tmp_path / "out", "--sets", 2, "--json"
    )
    assert done.returncode == 0, done.stderr
    (end,) = json.loads(done.stdout)
    assert (end["state"], end["rows"], end["pairs"], end["quarantined"]) == ("done", 48, 24, 0)
    assert json.loads((tmp_path / "out/exit.json").read_text()) == end
    assert "48 of 48 rows" in done.stderr
    assert {"request.json", "events.jsonl", "log.txt", "exit.json", "ledger.sqlite", "dataset"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_a_key_is_sent_and_written_nowhere(server: Endpoint, asked: Path, tmp_path: Path) -> None:
    secret = "sk-a-secret-of-this-test"
    done = run(
        *("--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", tmp_path / "out", "--json"),
        OPENAI_API_KEY=secret,
        OPENAI_BASE_URL=server.url,
    )
    assert done.returncode == 0, done.stderr
    assert server.asked[0].headers["authorization"] == f"Bearer {secret}"
    assert secret not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget-usd", "1"], "a budget of 1 USD needs the teacher's prices"),
        (["--instructions", "gone.jsonl"], "gone.jsonl cannot be read"),
        (["--teacher", "gpt-4"], "openai:MODEL"),
        (["--sets", "0"], "--sets: "),
        (["--no-such-flag"], "unrecognized arguments"),
    ],
)
def test_a_wrong_call_exits_with_2_and_a_sentence(
    server: Endpoint, asked: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run("--instructions", asked, "--out", tmp_path / "out", "--teacher", f"openai:m@{server.url}", *arguments)
    if "--teacher" in arguments:
        done = run("--instructions", asked, "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert not server.asked


def test_a_dead_teacher_is_an_error_of_nobody_but_leaves_the_job_to_go_on_with(
    server: Endpoint, asked: Path, tmp_path: Path
) -> None:
    asked.write_text('{"prompt": "Tell me why I am REFUSED."}\n')
    done = run("--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", tmp_path / "out", "--json")
    assert done.returncode == 1
    (end,) = json.loads(done.stdout)
    assert (end["rows"], end["quarantined"]) == (0, 3)


def test_an_estimate_ends_after_the_sample(server: Endpoint, asked: Path, tmp_path: Path) -> None:
    flags = ("--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", tmp_path / "out", "--json")
    done = run(*flags, "--estimate-only", "--price-in", 1, "--price-out", 2)
    assert done.returncode == 0, done.stderr
    (end,) = json.loads(done.stdout)
    assert end["state"] == "estimated"
    assert end["estimate"]["usd"] > 0
    assert len(server.asked) == 5 * 9


def test_help_is_quick_and_names_every_flag() -> None:
    done = run("--help")
    assert done.returncode == 0
    for flag in ("--instructions", "--teacher", "--out", "--budget-usd", "--price-in", "--estimate-only", "--json"):
        assert flag in done.stdout


def kill_at_random(arguments: list[Any], rng: random.Random, served: Endpoint, wanted: int) -> None:
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    goal = len(served.asked) + rng.randrange(5, max(6, wanted // (KILLS + 1)))
    while len(served.asked) < goal and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_and_resumed_it_ends_with_the_bytes_of_an_undisturbed_run(
    server: Endpoint, teacher: ScriptedTeacher, asked: Path, tmp_path: Path
) -> None:
    concurrency, answers = 8, 24 * 3 * 3
    flags: list[Any] = ["--instructions", asked, "--teacher", f"openai:m@{server.url}", "--concurrency", concurrency]
    assert run(*flags, "--out", tmp_path / "whole").returncode == 0
    assert teacher.asked.total() == answers
    for kill in range(KILLS):
        kill_at_random([*flags, "--out", tmp_path / "killed"], random.Random(kill), server, answers)
    done = run(*flags, "--out", tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
    assert teacher.asked.total() - 2 * answers <= KILLS * concurrency


def test_ctrl_c_lets_what_is_in_flight_finish_and_writes_what_there_is(
    server: Endpoint, teacher: ScriptedTeacher, asked: Path, tmp_path: Path
) -> None:
    flags: list[Any] = ["--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", tmp_path / "out"]
    process = subprocess.Popen(
        command(*flags, "--concurrency", 4, "--json"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while teacher.asked.total() < 60 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    (end,) = json.loads(stdout)
    assert end["state"] == "stopped", stderr
    assert 0 < end["rows"] < end["rows_wanted"]
    assert run(*flags).returncode == 0
    assert max(teacher.bodies.values()) == 1
