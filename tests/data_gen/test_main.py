"""`python -m data_gen`, as scripts see it: real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.augment_command import ROOT, command, run, write_instructions
from tests.endpoint import Endpoint, endpoint
from tests.teacher import ScriptedTeacher


@pytest.fixture
def teacher() -> ScriptedTeacher:
    return ScriptedTeacher()


@pytest.fixture
def server(teacher: ScriptedTeacher) -> Iterator[Endpoint]:
    with endpoint(teacher) as served:
        yield served


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return write_instructions(tmp_path / "asked.jsonl", 24)


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


def test_a_budget_of_one_dollar_ends_within_a_tenth_of_it_and_never_above(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    """A price at which one longest answer alone could cost 0.15 USD: near the end shorter ones are asked for."""
    prices = ("--price-in", 15, "--price-out", 75)
    asked = write_instructions(tmp_path / "asked.jsonl", 60)
    flags = (
        "--instructions",
        asked,
        "--teacher",
        f"openai:m@{server.url}",
        "--out",
        tmp_path / "out",
        "--json",
        *prices,
    )
    (end,) = json.loads(run(*flags, "--budget-usd", 1, "--concurrency", 16).stdout)
    assert end["state"] == "budget spent"
    assert "The budget of 1 USD is used up" in end["reason"]
    assert 0.9 < end["spent_usd"] + end["lost_usd"] <= 1.0
    billed = (teacher.asked.total() * 7 * 15 + teacher.completion_tokens * 75) / 1e6
    assert end["spent_usd"] == pytest.approx(billed, abs=1e-5)


def test_echo_works_without_any_network(asked: Path, tmp_path: Path) -> None:
    done = run("--instructions", asked, "--teacher", "echo:", "--out", tmp_path / "out", "--rubrics", "--json")
    assert done.returncode == 0, done.stderr
    (end,) = json.loads(done.stdout)
    assert (end["state"], end["rows"], end["quarantined"]) == ("done", 72, 0)


def test_a_pause_is_obeyed_and_ends_when_its_file_goes(
    server: Endpoint, teacher: ScriptedTeacher, tmp_path: Path
) -> None:
    asked, out = write_instructions(tmp_path / "asked.jsonl", 400), tmp_path / "out"
    flags = (
        "--instructions",
        asked,
        "--teacher",
        f"openai:m@{server.url}",
        "--out",
        out,
        "--concurrency",
        2,
        "--sets",
        1,
    )
    with subprocess.Popen(command(*flags), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while teacher.asked.total() < 60:
            time.sleep(0.01)
        (out / "pause").touch()
        time.sleep(2.0)
        paused_at = teacher.asked.total()
        time.sleep(1.2)
        assert teacher.asked.total() == paused_at
        assert json.loads((out / "events.jsonl").read_text().splitlines()[-1])["is_paused"]
        (out / "pause").unlink()
        while teacher.asked.total() == paused_at and process.poll() is None:
            time.sleep(0.01)
        (out / "stop").touch()
        assert process.wait(60) == 0
    assert teacher.asked.total() > paused_at
    assert json.loads((out / "exit.json").read_text())["state"] == "stopped"
