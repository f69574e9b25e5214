"""Pairs out of a written collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.__main__ import main
from data_gen.pair_file import write_pairs
from tests.augment_command import ROOT

MINI = ROOT / "assets" / "multifaceted_mini" / "train.jsonl"


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_every_answer_is_chosen_and_rejected_against_every_sibling(tmp_path: Path) -> None:
    assert main(["pairs", str(MINI), "--out", str(tmp_path / "pairs.jsonl")]) == 0
    told, answers = rows(tmp_path / "pairs.jsonl"), {row["output"]: row for row in rows(MINI)}
    assert len(told) == 2 * len(answers)
    for pair in told:
        own, sibling = (answers[pair[side][1]["content"]] for side in ("chosen", "rejected"))
        assert pair["system"] == own["system"] != sibling["system"]
        assert pair["prompt"] == own["prompt"] == sibling["prompt"]


def test_rows_of_one_instruction_are_found_wherever_they_stand(tmp_path: Path) -> None:
    kept = MINI.read_text("utf-8").splitlines()[:6]
    for name, lines in (("in-order", kept), ("mixed", [*kept[::2], *kept[1::2]])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    counts = [write_pairs(tmp_path / f"{name}.jsonl", tmp_path / name, "contrast", 0) for name in ("in-order", "mixed")]
    assert counts == [12, 12]
    assert write_pairs(tmp_path / "mixed.jsonl", tmp_path / "papers", "paper", 0) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1: Invalid JSON"),
        ('{"system": "s", "prompt": "p", "output": "o"}', "line 1, preference_set: Field required"),
        ("", "nothing to pair"),
    ],
)
def test_what_cannot_be_paired_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(text, "utf-8")
    assert main(["pairs", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out.jsonl")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pairs", str(MINI), "--out", str(tmp_path / "none" / "out.jsonl")]) == 2
    assert "cannot be written" in capsys.readouterr().err
