"""The whole command, killed at random moments or out of disk: it goes on, and ends with the bytes of a quiet run."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data_gen.ledger import Ledger
from tests.augment_command import ROOT, command, dataset, run, write_instructions
from tests.data_gen.test_ledger import disk
from tests.endpoint import Endpoint, endpoint, says
from tests.teacher import ScriptedTeacher, answer, level

ANSWERS_A_ROW, SETS = 3, 3


def answers_kept(out: Path) -> int:
    """Count the answers that are on disk."""
    file = out / "ledger.sqlite"
    return len(Ledger(file, is_writer=False)) if file.exists() and file.stat().st_size else 0


def kill_at_random(arguments: list[Any], dice: random.Random, served: Endpoint, answers_a_kill: int) -> None:
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wanted = len(served.asked) + dice.randint(1, max(2, answers_a_kill))
    while len(served.asked) < wanted and process.poll() is None:
        time.sleep(0.002)
    time.sleep(dice.random() * 0.05)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("instructions", "concurrency", "kills"),
    [
        pytest.param(24, 8, 3, id="three-kills"),
        pytest.param(300, 32, 30, id="thirty-kills", marks=[pytest.mark.proof, pytest.mark.timeout(3600)]),
    ],
)
def test_killed_and_resumed_it_ends_with_the_bytes_of_an_undisturbed_run(
    tmp_path: Path, instructions: int, concurrency: int, kills: int
) -> None:
    asked = write_instructions(tmp_path / "asked.jsonl", instructions)
    needed = instructions * SETS * ANSWERS_A_ROW
    teacher, dice = ScriptedTeacher(), random.Random(instructions)
    with endpoint(teacher) as server:
        flags: list[Any] = [
            "--instructions",
            asked,
            "--teacher",
            f"openai:m@{server.url}",
            "--concurrency",
            concurrency,
        ]
        assert run(*flags, "--out", tmp_path / "whole", timeout=1200).returncode == 0
        assert teacher.asked.total() == needed
        paid_twice = []
        for _ in range(kills):
            before, had = teacher.asked.total(), answers_kept(tmp_path / "killed")
            kill_at_random([*flags, "--out", tmp_path / "killed"], dice, server, needed // (kills + 1))
            paid_twice.append(teacher.asked.total() - before - (answers_kept(tmp_path / "killed") - had))
        done = run(*flags, "--out", tmp_path / "killed", timeout=1200)
        assert done.returncode == 0, done.stderr
    assert dataset(tmp_path / "killed") == dataset(tmp_path / "whole")
    assert max(paid_twice) <= concurrency
    assert teacher.asked.total() - 2 * needed == sum(paid_twice)
    twice = f"{sum(paid_twice)} in all, {max(paid_twice)} at most a kill"
    sys.stdout.write(f"{needed} answers, {kills} kills; paid twice: {twice}\n")


def test_a_disk_that_fills_stops_with_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    asked = write_instructions(tmp_path / "asked.jsonl", 80)
    with disk(tmp_path / "disk", "size=9m") as folder, endpoint(ScriptedTeacher()) as server:
        out = folder / "out"
        flags = ("--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", out, "--concurrency", 16)
        done = run(*flags)
        assert done.returncode == 1
        assert done.stderr.count("disk is full") == 1
        assert "Traceback" not in done.stderr
        paid = len(server.asked)
        assert answers_kept(out) == paid < 720
        (folder / "fill").write_bytes(bytes(shutil.disk_usage(folder).free))
        for _ in range(2):  # as full as a disk can be
            done = run(*flags)
            assert done.returncode == 1
            assert len(done.stderr.splitlines()) <= 3
            assert "Traceback" not in done.stderr
        (folder / "fill").unlink()
        assert len(server.asked) == paid
        subprocess.run(["mount", "-o", "remount,size=60m", str(folder)], check=True)
        assert run(*flags).returncode == 0
        assert len(server.asked) == 720


def test_a_limit_on_file_size_stops_with_one_sentence_and_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    asked = write_instructions(tmp_path / "asked.jsonl", 70)
    with endpoint(says(lambda body: answer(body) + " and so on" * 5000 * (level(body) == "response"))) as server:
        flags = ("--instructions", asked, "--teacher", f"openai:m@{server.url}", "--concurrency", 8)
        out = ("--out", tmp_path / "out")
        limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (8_500_000, -1));"
        limited += "runpy.run_module('data_gen', run_name='__main__')"
        argv = [sys.executable, "-c", limited, "augment", *map(str, (*flags, *out))]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "is kept" in done.stderr
        paid, kept = len(server.asked), answers_kept(tmp_path / "out")
        assert 0 <= paid - kept <= 8
        assert paid < 630
        assert run(*flags, *out).returncode == 0
        assert len(server.asked) == 630 + paid - kept


def test_a_read_only_disk_is_refused_with_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    asked = write_instructions(tmp_path / "asked.jsonl", 40)
    with disk(tmp_path / "disk", "size=60m") as folder, endpoint(ScriptedTeacher()) as server:
        flags = ("--instructions", asked, "--teacher", f"openai:m@{server.url}", "--out", folder / "out")
        process = subprocess.Popen(command(*flags, "--concurrency", 4), cwd=ROOT, stderr=subprocess.DEVNULL)
        while len(server.asked) < 100:
            time.sleep(0.005)
        process.terminate()
        process.wait(60)
        paid = len(server.asked)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        done = run(*flags)
        assert done.returncode == 2
        assert "Read-only file system" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert len(server.asked) == paid
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        assert run(*flags).returncode == 0
        assert len(server.asked) == 360
