"""Benchmark jobs as processes: killed at random, they go on, and no judgement is paid for twice but those in flight."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data_gen.ledger import Ledger
from tests.endpoint import Endpoint, endpoint
from tests.janus_space.benchmarks.bench_run import prepared, report
from tests.janus_space.benchmarks.test_multifaceted import asked
from tests.judge import ScriptedJudge, steady

ROOT = Path(__file__).parents[2]


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the worker of a job."""
    return subprocess.Popen(
        [sys.executable, "-m", "janus_space.bench_worker", str(folder)], cwd=ROOT, env=dict(os.environ)
    )


def answers_kept(folder: Path) -> int:
    file = folder / "ledger.sqlite"
    return len(Ledger(file, is_writer=False)) if file.exists() and file.stat().st_size else 0


def kill_at_random(folder: Path, dice: random.Random, served: Endpoint, most_answers: int) -> None:
    process = start(folder)
    wanted = len(served.asked) + dice.randint(1, most_answers)
    while len(served.asked) < wanted and process.poll() is None:
        time.sleep(0.002)
    time.sleep(dice.random() * 0.05)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("kills", "order"),
    [
        pytest.param(2, {"limit": 3, "power": 3, "concurrency": 4}, id="two-kills"),
        pytest.param(
            30,
            {"limit": 44, "power": 50, "runs": 2, "concurrency": 16},
            id="thirty-kills",
            marks=[pytest.mark.proof, pytest.mark.timeout(3600)],
        ),
    ],
)
def test_killed_and_resumed_it_ends_with_the_report_of_an_undisturbed_run(
    tmp_path: Path, kills: int, order: dict[str, Any]
) -> None:
    judge, dice = ScriptedJudge(steady(), noise_sd=0.5, seconds=0.01), random.Random(kills)
    with endpoint(judge) as served:
        job = asked(served, "m", **order)
        whole = report(tmp_path / "whole", **job)
        needed = judge.asked.total()
        folder = prepared(tmp_path / "killed", **job)
        paid_twice = []
        for _ in range(kills):
            before, had = judge.asked.total(), answers_kept(folder)
            kill_at_random(folder, dice, served, max(2, needed // kills))
            paid_twice.append(judge.asked.total() - before - (answers_kept(folder) - had))
        again = report(folder, **job)
    assert again["rows"] == whole["rows"]
    assert max(paid_twice) <= order["concurrency"]
    assert judge.asked.total() - 2 * needed == sum(paid_twice)
    rows = [json.loads(line) for line in (folder / "judgements.jsonl").read_text().splitlines()]
    assert len({row["key"] for row in rows}) == len(rows)
    twice = f"{sum(paid_twice)} in all, {max(paid_twice)} at most a kill"
    sys.stdout.write(f"{needed} answers and judgements, {kills} kills; paid twice: {twice}\n")


def test_a_wish_to_stop_ends_it_and_the_same_work_goes_on(tmp_path: Path) -> None:
    judge = ScriptedJudge(steady(), seconds=0.05)
    with endpoint(judge) as served:
        job = asked(served, "m", limit=4, concurrency=2)
        folder = prepared(tmp_path / "job", **job)
        process = start(folder)
        while judge.asked["judgements"] < 10:
            assert process.poll() is None
            time.sleep(0.01)
        (folder / "stop").write_text("")
        assert process.wait(30) == 0
        end = json.loads((folder / "exit.json").read_text())
        assert (end["state"], end["reason"]) == ("stopped", None)
        assert not (folder / "report.json").exists()
        stopped_at = judge.asked.total()
        judge.seconds = 0
        (folder / "stop").unlink()  # as the supervisor does when it starts a job again
        assert report(folder, **job)["rows"][0]["n"] == 12
    assert judge.asked.total() == 12 + 12 * 4 + 6 * 4 + 16 > stopped_at
    assert max(judge.bodies.values()) == 1
