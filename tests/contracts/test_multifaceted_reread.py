"""The fresh reading of thirty rows: drawn by its rule, complete, and counted as its report says."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from data_gen.preferences import DIMENSIONS
from tests.contracts.tree import ROOT

FOLDER = ROOT / "assets" / "multifaceted_mini"
REPORT = ROOT / "tests" / "proof" / "reread.md"
SEED, DRAWN = 20261121, 30
WORDS = ("follows", "partly", "misses")


class _Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verdict: str = Field(pattern=f"^({'|'.join(WORDS)})$")
    reason: str = Field(min_length=20)


class _Reading(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instruction_id: str
    row: int
    verdicts: dict[str, _Verdict]
    system_carries_all: bool
    errors: list[str]

    def words(self) -> list[str]:
        return [one.verdict for one in self.verdicts.values()]


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def readings() -> list[_Reading]:
    return [_Reading.model_validate_json(line) for line in _lines(FOLDER / "reread.jsonl")]


def test_the_rows_are_drawn_by_the_rule(readings: list[_Reading]) -> None:
    rows = [json.loads(line) for split in ("train", "test") for line in _lines(FOLDER / f"{split}.jsonl")]
    drawn = random.Random(SEED).sample(range(len(rows)), DRAWN)
    assert [(one.row, one.instruction_id) for one in readings] == [(row, rows[row]["instruction_id"]) for row in drawn]


def test_every_preference_has_a_verdict_with_a_reason_of_its_own(readings: list[_Reading]) -> None:
    for reading in readings:
        assert list(reading.verdicts) == list(DIMENSIONS), reading.row
        assert all(error.strip() for error in reading.errors), reading.row
    reasons = [one.reason.strip() for reading in readings for one in reading.verdicts.values()]
    assert len(set(reasons)) == 4 * DRAWN


def test_the_report_counts_what_the_readings_say(readings: list[_Reading]) -> None:
    counts: dict[str, Counter[str]] = {
        name: Counter(one.verdicts[name].verdict for one in readings) for name in DIMENSIONS
    }
    counts["all"] = sum(counts.values(), Counter())
    is_followed = [set(one.words()) == {"follows"} for one in readings]
    is_faulty = [bool(one.errors) for one in readings]
    expected = [
        *(_table_row(name, count) for name, count in counts.items()),
        f"| all four preferences followed | {sum(is_followed)} |",
        f"| with an error noted | {sum(is_faulty)} |",
        f"| followed and without an error | "
        f"{sum(kept and not faulty for kept, faulty in zip(is_followed, is_faulty, strict=True))} |",
        f"| system message carries all four preferences | {sum(one.system_carries_all for one in readings)} |",
    ]
    assert [line for line in expected if line not in _lines(REPORT)] == []


def test_the_report_names_what_was_wrong(readings: list[_Reading]) -> None:
    report = REPORT.read_text("utf-8")
    found = [error for one in readings for error in one.errors]
    found += [made.reason for one in readings for made in one.verdicts.values() if made.verdict != "follows"]
    assert [text for text in found if text.replace("|", "\\|") not in report] == []


def _table_row(name: str, count: Counter[str]) -> str:
    numbers = " | ".join(str(count[word]) for word in WORDS)
    return f"| {name} | {numbers} | {count['follows'] / count.total():.3f} |"
