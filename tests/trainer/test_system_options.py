from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainer.config import DataOptions
from trainer.data import TrainingRow, read_dataset
from trainer.system_options import arranged, by_instruction, hold_out


@pytest.fixture
def rows(collection: Path) -> list[TrainingRow]:
    return read_dataset(str(collection), "sft", DataOptions(dataset=str(collection))).rows


def options(**given: Any) -> DataOptions:
    return DataOptions(dataset="rows.jsonl", **given)


def test_as_it_is_without_options(rows: list[TrainingRow]) -> None:
    assert arranged(rows, options(), seed=1) == rows


def test_fewer_system_messages_an_instruction(rows: list[TrainingRow]) -> None:
    found = arranged(rows, options(system_messages_per_instruction=1), seed=1)
    assert [len(group) for group in by_instruction(found)] == [1] * 12


def test_dropout_leaves_out_about_its_share(rows: list[TrainingRow]) -> None:
    without = [row for row in arranged(rows * 20, options(system_dropout=0.25), seed=1) if row.system is None]
    assert 0.2 < len(without) / (len(rows) * 20) < 0.3
    assert arranged(rows, options(system_dropout=0.25), seed=3) == arranged(rows, options(system_dropout=0.25), seed=3)


def test_the_shuffled_control_keeps_the_messages_of_an_instruction_and_moves_them(rows: list[TrainingRow]) -> None:
    found = arranged(rows, options(shuffled_system=True), seed=1)
    assert [row.answers for row in found] == [row.answers for row in rows]
    assert sorted(str(row.system) for row in found[:3]) == sorted(str(row.system) for row in rows[:3])
    assert sum(new.system != old.system for new, old in zip(found, rows, strict=True)) > 10


def test_the_ablations_of_the_paper(rows: list[TrainingRow]) -> None:
    assert {row.system for row in arranged(rows, options(multifaceted_input=False), seed=1)} == {None}
    same = arranged(rows, options(multifaceted_output=False), seed=1)
    assert all(len({row.answers for row in group}) == 1 for group in by_instruction(same))


def test_instructions_are_held_out_whole(rows: list[TrainingRow]) -> None:
    trained, held = hold_out(rows, 2, seed=1)
    assert (len(trained), len(held)) == (30, 6)
    assert not {row.instruction for row in trained} & {row.instruction for row in held}
    assert hold_out(rows, None, seed=1) == (rows, [])  # of a dozen, all are trained on
