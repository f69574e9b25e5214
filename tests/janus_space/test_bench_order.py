"""Orders of benchmarks: what they refuse, and the verb from the command line to its rows."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob, BenchOrder, start_bench
from janus_space.engine.process import EnginePool
from janus_space.errors import UnknownModel
from janus_space.home import Home
from janus_space.job_verbs import bench
from janus_space.jobs import Jobs
from janus_space.models import Models
from tests.endpoint import endpoint
from tests.janus_space.benchmarks.bench_run import lines
from tests.janus_space.job_doubles import ended
from tests.judge import ScriptedJudge, steady

ROOT = Path(__file__).parents[2]


def janus(*arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "janus_space", "bench", *map(str, arguments)]
    return subprocess.run(argv, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120)


def test_a_budget_without_prices_is_refused_and_one_price_is_none() -> None:
    with pytest.raises(ValidationError, match="--price-in and --price-out"):
        BenchJob(bench="multifaceted", budget_usd=1)
    with pytest.raises(ValidationError, match="give both"):
        BenchJob(bench="multifaceted", price_in=1)


def test_files_are_absolute_and_other_names_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.jsonl").write_text("")
    order = BenchOrder(bench="mt", data="mine.jsonl", references=Path("refs.jsonl"), baseline="openai:gpt", detach=True)
    assert order.data == str(tmp_path / "mine.jsonl")
    assert order.references == tmp_path / "refs.jsonl"
    assert order.baseline == "openai:gpt"
    assert BenchJob(bench="mt", data="hub:me/mine").data == "hub:me/mine"
    assert not hasattr(order.request, "detach")


def test_the_verb_gives_one_row_a_model_and_resumes_by_the_same_command(tmp_path: Path) -> None:
    with endpoint(ScriptedJudge(steady(3, 3))) as served:
        model, judge = f"openai:m@{served.url}", f"openai:j@{served.url}"
        flags = ("multifaceted", "--model", model, "echo:", "--judge", judge, "--out", tmp_path / "out")
        flags = (*flags, "--limit", 1, "--power", 0)
        done = janus(*flags, "--json")
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)
        assert [row["model"] for row in rows] == [model, "echo:"]
        assert rows[0]["score"] == 3.0
        assert "The judge is asked about" in done.stderr
        paid = len(served.asked)
        again = janus(*flags)
        assert again.returncode == 0, again.stderr
        assert "score 3" in again.stdout
        assert len(served.asked) == paid
    assert len(lines(tmp_path / "out" / "answers.jsonl")) == 6


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"bench": "nonsense", "model": ("echo:",)}, "There is no benchmark 'nonsense'; there are multifaceted"),
        ({"bench": "multifaceted", "judge": "echo:"}, "give --model"),
        ({"bench": "multifaceted", "model": ("echo:",), "judge": "nobody"}, "No model goes by 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_job_is_made(fields: dict[str, Any], told: str) -> None:
    home = Home.at(None)
    with pytest.raises((BadRequest, UnknownModel), match=told):
        asyncio.run(bench(BenchOrder(**fields), Models(home, EnginePool(home))))
    assert not home.jobs.exists()


def test_a_wrong_call_exits_with_2_and_one_sentence() -> None:
    refused = janus("multifaceted", "--model", "echo:", "--judge", "echo:", "--budget-usd", "3")
    assert refused.returncode == 2
    assert "--price-in" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_finished_job_is_not_started_again(tmp_path: Path) -> None:
    jobs = Jobs(Home.at(None))
    order = BenchJob(bench="multifaceted", model=("echo:",), judge="echo:", limit=1, power=0)
    job = ended(start_bench(jobs, order, tmp_path / "job"))
    assert job.status == "finished", job.log()
    before = job.asked_at
    assert start_bench(jobs, order, tmp_path / "job").asked_at == before
    (row,) = json.loads((job.folder / "report.json").read_text())["rows"]
    assert row["error"].startswith("None of the judge's 12 replies gives a score")
