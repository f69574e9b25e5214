"""Long work from the command line: real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janus_space.home import Home
from janus_space.jobs import Jobs
from tests.janus_space.job_doubles import ended, instructions, janus, row, slow_teacher, wait_until


def test_augment_waits_tells_and_gives_one_row(tmp_path: Path) -> None:
    asked = ["--instructions", instructions(tmp_path, 4), "--teacher", "echo:", "--out", tmp_path / "out", "--sets", 2]
    end = row(done := janus("augment", *asked, "--json"))
    assert (end["status"], end["rows"], end["pairs"]) == ("finished", 8, 4)
    assert "8 of 8 rows" in done.stderr
    assert row(janus("augment", *asked, "--json"))["rows"] == 8
    assert "augment/out" in janus("jobs").stdout
    (listed,) = json.loads(janus("jobs", "--json").stdout)
    assert (listed["job"], listed["status"]) == ("augment/out", "finished")


def test_detached_stopped_and_resumed(tmp_path: Path, janus_home: Path) -> None:
    with slow_teacher(0.2) as (teacher, served):
        asked = [
            "--instructions",
            instructions(tmp_path, 20),
            "--teacher",
            f"openai:m@{served.url}",
            "--concurrency",
            2,
        ]
        begun = row(janus("augment", *asked, "--detach", "--json"))
        assert begun["status"] in ("queued", "running")
        wait_until(lambda: sum(teacher.bodies.values()) > 3)
        name = begun["job"].removeprefix("augment/")
        assert row(janus("stop", name, "--json"))["status"] in ("stopping", "stopped")
        (job,) = Jobs(Home.at(janus_home)).list()
        assert ended(job).status == "stopped"
        teacher.seconds = 0
        assert row(janus("resume", name, "--json"))["status"] == "finished"
        assert janus("resume", name).returncode == 2
        assert set(teacher.bodies.values()) == {1}


def test_an_estimate_says_what_all_will_cost(tmp_path: Path) -> None:
    with slow_teacher(0) as (_, served):
        asked = ["--instructions", instructions(tmp_path, 30), "--teacher", f"openai:m@{served.url}"]
        end = row(janus("augment", *asked, "--price-in", 1, "--price-out", 2, "--estimate-only", "--json"))
    assert end["state"] == "estimated"
    assert "USD" in end["estimate"]["sentence"]


def test_the_environments_key_is_used(tmp_path: Path) -> None:
    with slow_teacher(0) as (_, served):
        asked = ["--instructions", instructions(tmp_path, 1), "--teacher", f"openai:m@{served.url}", "--json"]
        row(janus("augment", *asked, OPENAI_API_KEY="sk-x", OPENAI_BASE_URL=served.url))
        assert served.asked[0].headers["authorization"] == "Bearer sk-x"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["augment", "--instructions", "nowhere.jsonl", "--teacher", "echo:"], "There is no file"),
        (["augment", "--instructions", "README.md", "--teacher", "gpt-4"], "No teacher goes by 'gpt-4'"),
        (["augment", "--instructions", "README.md", "--teacher", "echo:", "--budget-usd", "1"], "--price-in"),
        (["augment", "--teacher", "echo:"], "--instructions"),
        (["stop", "nobody"], "There is no job 'nobody'; there are none yet"),
        (["resume", "nobody"], "There is no job 'nobody'"),
        (["stop"], "required: JOB"),
    ],
)
def test_a_wrong_call_says_what_to_do_and_makes_no_job(arguments: list[str], told: str) -> None:
    done = janus(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "There are no jobs yet" in janus("jobs").stdout


def test_a_job_that_fails_has_an_error_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    done = janus("augment", "--instructions", tmp_path / "empty.txt", "--teacher", "echo:", "--json")
    assert done.returncode == 1
    (end,) = json.loads(done.stdout)
    assert "holds no instruction" in end["error"]


def test_on_a_hosted_space_nobody_starts_long_work(tmp_path: Path) -> None:
    import asyncio

    from data_gen.errors import BadRequest
    from janus_space.engine.process import EnginePool
    from janus_space.job_verbs import JobsRequest, list_jobs
    from janus_space.models import Models

    home = Home.at(tmp_path / "hosted")
    with pytest.raises(BadRequest, match="your own machine"):
        asyncio.run(list_jobs(JobsRequest(), Models(home, EnginePool(home), hosted=True)))


@pytest.mark.proof
@pytest.mark.real_model
def test_the_engines_own_endpoint_can_be_the_teacher(
    tmp_path: Path, janus_home: Path, embedded_models_dir: Path
) -> None:
    """A model of 135M fills few forms rightly: every row is made, or set aside with the reason."""
    janus_home.mkdir(parents=True)
    (janus_home / "models").symlink_to(embedded_models_dir)
    asked = ["--instructions", instructions(tmp_path, 1), "--teacher", "embedded:smollm2", "--sets", 1]
    done = janus("augment", *asked, "--out", tmp_path / "out", "--timeout-seconds", 170, "--json")
    (end,) = json.loads(done.stdout)
    assert end["rows"] + end["quarantined"] == 1, done.stderr
    assert end["requests"] >= 1
    for line in (tmp_path / "out/dataset/quarantine.jsonl").read_text().splitlines():
        assert json.loads(line)["reason"]
