from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_gen.cleaning import CleaningRules
from data_gen.errors import BadRequest
from data_gen.instructions import Columns
from janus_space.ui.augment_input import Given, columns_of


def test_a_paste_is_looked_through_as_the_job_will() -> None:
    look = Given(paste="One?\n\nTwo?\nOne?\n").look(CleaningRules())
    assert (look.report.kept, look.report.left_out, look.is_whole) == (2, {"exact duplicate": 1}, True)
    assert look.examples[0].row == 3
    assert look.first == []


def test_a_file_brings_columns_a_guess_and_its_first_instructions(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text("\n".join(json.dumps({"id": number, "question": f"Why {number}?"}) for number in range(5)))
    assert columns_of(path).names == ["id", "question"]
    assert columns_of(path).guess.prompt_column == "question"
    mapped = Given(file=path, columns=Columns(prompt_column="question", id_column="id"))
    assert [(one.id, one.text) for one in mapped.look(CleaningRules()).first] == [
        ("0", "Why 0?"),
        ("1", "Why 1?"),
        ("2", "Why 2?"),
    ]
    path.write_text('{"a": 1, "b": 2, "dataset": "d"}')
    assert columns_of(path).guess.prompt_column is None
    assert columns_of(path).guess.main_source_column == "dataset"
    path.write_text("\n")
    with pytest.raises(BadRequest, match="no row that can be read"):
        columns_of(path)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("My questions (2).csv", "My-questions-2.csv"),
        ("data.jsonl.gz", "data.jsonl.gz"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("$(rm -rf).parquet", "rm-rf.parquet"),
        ("….csv", "instructions.csv"),
    ],
)
def test_a_persons_file_name_is_only_a_hint(theirs: str, ours: str) -> None:
    assert Given(file=Path(theirs)).name == ours


def test_what_was_given_is_kept_beside_the_job(tmp_path: Path) -> None:
    assert Path(Given(paste=" One?\nTwo? ").kept_in(tmp_path / "given")).read_text() == "One?\nTwo?\n"
    assert Given(hub="hub:org/name").kept_in(tmp_path / "other") == "hub:org/name"
    assert not (tmp_path / "other").exists()
    with pytest.raises(BadRequest, match="no instructions yet"):
        Given(paste=" \n").check()
