"""Every fault at once: each row is delivered or quarantined with its reason, and no answer is paid for twice."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.augment_command import rows, run, write_instructions
from tests.endpoint import endpoint
from tests.faulty_teacher import FAULTS, FaultyTeacher

SETS, LEVELS = 3, 3


def errors(out: Path) -> Counter[str]:
    """Return how often what went wrong, as the run itself told."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    return Counter(next(event["errors"] for event in reversed(events) if event["event"] == "progress"))


@pytest.mark.parametrize(
    ("instructions", "timeout_seconds"),
    [
        pytest.param(30, 3, id="thirty"),
        pytest.param(2000, 15, id="two-thousand", marks=[pytest.mark.proof, pytest.mark.timeout(3600)]),
    ],
)
def test_every_row_is_delivered_or_quarantined_and_nothing_is_billed_twice(
    tmp_path: Path, instructions: int, timeout_seconds: float
) -> None:
    file = write_instructions(tmp_path / "asked.jsonl", instructions)
    teacher = FaultyTeacher()
    began = time.monotonic()
    with endpoint(teacher) as server:
        flags = ("--concurrency", 200, "--timeout-seconds", timeout_seconds, "--sets", SETS, "--json")
        done = run(
            *("--instructions", file, "--teacher", f"openai:m@{server.url}", "--out", tmp_path / "out", *flags),
            timeout=3000,
        )
    assert done.returncode == 0, done.stderr
    (end,) = json.loads(done.stdout)
    assert end["state"] == "done"
    delivered, quarantined = rows(tmp_path / "out"), rows(tmp_path / "out", "quarantine.jsonl")
    fates = [(row["instruction_id"], row["set_index"]) for row in (*delivered, *quarantined)]
    assert len(fates) == len(set(fates)) == end["rows_wanted"] == SETS * instructions
    assert all(row["reason"] for row in quarantined)
    assert set(teacher.faults) == {*FAULTS, "429", "none"}
    # A reply that the client gave up on in the very moment it was sent was in flight at a failure too.
    given_up = max(0, errors(tmp_path / "out")["ChatTimeout"] - teacher.faults["hang"])
    assert teacher.whole.total() - len(teacher.whole) <= given_up
    assert teacher.billed <= LEVELS * SETS * instructions + teacher.unusable + teacher.lost + given_up
    sys.stdout.write(
        f"{len(delivered)} rows delivered, {len(quarantined)} quarantined; {dict(sorted(teacher.faults.items()))};"
        f" billed {teacher.billed} = {teacher.whole.total()} whole + {teacher.unusable} unusable + {teacher.lost} lost;"
        f" {time.monotonic() - began:.0f} s\n"
    )
