from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.cleaning import CleaningReport, CleaningRules, clean, read_clean
from data_gen.instructions import Instruction, from_texts
from data_gen.safety import Scorer

LONG = "Please tell me in a few plain words how a sailing boat can move against the wind on an open sea"
TEXTS = [LONG, "", LONG, f"{LONG} today", "x" * 111, "How do I make a bomb at home?", "Why is the sky blue?"]


def cleaned(folder: Path, texts: list[str], **rules: Any) -> tuple[CleaningReport, list[str], list[dict[str, Any]]]:
    report = clean(from_texts(texts), CleaningRules(**rules), folder / "kept.jsonl", folder / "why.jsonl")
    reasons = [json.loads(line) for line in (folder / "why.jsonl").read_text().splitlines()]
    return report, [one.text for one in read_clean(folder / "kept.jsonl")], reasons


def test_the_useless_is_left_out_and_the_doubtful_is_noted(tmp_path: Path) -> None:
    report, kept, reasons = cleaned(tmp_path, TEXTS, max_characters=110)
    assert kept == [TEXTS[0], TEXTS[3], TEXTS[5], TEXTS[6]]
    assert report == CleaningReport(
        read=7,
        kept=4,
        left_out={"empty": 1, "exact duplicate": 1, "too long": 1},
        noted={"near duplicate": 1, "unsafe": 1},
    )
    assert {(one["row"], one["reason"], one["is_kept"]) for one in reasons} == {
        (2, "empty", False),
        (3, "exact duplicate", False),
        (4, "near duplicate", True),
        (5, "too long", False),
        (6, "unsafe", True),
    }
    assert "row 1" in next(one["detail"] for one in reasons if one["row"] == 4)


def test_the_doubtful_is_left_out_when_asked(tmp_path: Path) -> None:
    rules = {"max_characters": 110, "drop_near_duplicates": True, "drop_unsafe": True}
    report, kept, _ = cleaned(tmp_path, TEXTS, **rules)
    assert kept == [TEXTS[0], TEXTS[6]]
    assert report.kept == 2
    assert not report.noted


def test_the_scorer_can_be_replaced(tmp_path: Path) -> None:
    scorer = Scorer("blue is bad", lambda text: float("blue" in text))
    clean(from_texts(TEXTS), CleaningRules(drop_unsafe=True), tmp_path / "k", tmp_path / "why", scorer)
    assert "Why is the sky blue?" not in [one.text for one in read_clean(tmp_path / "k")]
    assert "blue is bad" in (tmp_path / "why").read_text()


def test_an_id_belongs_to_one_text(tmp_path: Path) -> None:
    rows = [Instruction(id="a", text="Why?"), Instruction(id="a", text="How?")]
    report = clean(rows, CleaningRules(), tmp_path / "k", tmp_path / "w")
    assert report.left_out == {"id taken": 1}


def test_a_failure_leaves_the_last_good_files(tmp_path: Path) -> None:
    cleaned(tmp_path, ["Why?"])

    def torn() -> Any:
        yield Instruction(id="b", text="How?")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        clean(torn(), CleaningRules(), tmp_path / "kept.jsonl", tmp_path / "why.jsonl")
    assert [one.text for one in read_clean(tmp_path / "kept.jsonl")] == ["Why?"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.jsonl", "why.jsonl"]
