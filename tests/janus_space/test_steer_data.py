from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from janus_space.steer_data import MAX_ANSWERS, read


def record(**fields: object) -> dict[str, object]:
    return {"system": "Be kind.", "prompt": "Why?", "output": "Because.", **fields}


def written(tmp_path: Path, *lines: object) -> Path:
    file = tmp_path / "records.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    file.write_text("\n".join(texts), encoding="utf-8")
    return file


def test_rows_are_put_together_by_instruction(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        record(instruction_id="a", prompt="Why, s'il te plaît?", preference_set=[{"dimension": "style"}], score=3),
        record(instruction_id=7, output="alone"),
        "",
        record(instruction_id="a", system="Be strict.", output="No\u2028!"),
        record(output="one"),
        record(output="two"),
    )
    data = read(file)
    assert [[row.output for row in group] for group in data.instructions] == [["Because.", "No\u2028!"], ["one", "two"]]
    assert data.instructions[0][0].prompt == "Why, s'il te plaît?"
    assert data.left_out == 1


def test_the_limit_counts_instructions_that_can_be_compared(tmp_path: Path) -> None:
    rows = [record(instruction_id=name) for name in ("alone", "a", "b", "a", "b", "c", "c")]
    data = read(written(tmp_path, *rows), limit=2)
    assert [group[0].instruction_id for group in data.instructions] == ["a", "b"]
    assert data.left_out == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"system": "s", "prompt": "p"}, ["line 2", "'output'", "every record needs"]),
        (record(system="  "), ["line 2", "'system' is empty"]),
        (record(system=None), ["line 2", "'system' is not a text"]),
        (record(prompt=["a"]), ["line 2", "'prompt' is not a text"]),
        (record(instruction_id={"a": 1}), ["line 2", "'instruction_id'"]),
        ("[1, 2]", ["line 2", "not a JSON object"]),
        ('{"system": "torn', ["line 2", "not a JSON object"]),
        ("[" * 100_000, ["line 2", "not a JSON object"]),
    ],
)
def test_what_is_wrong_is_told_by_file_line_and_field(tmp_path: Path, line: object, words: list[str]) -> None:
    file = written(tmp_path, record(), line)
    with pytest.raises(BadRequest) as refused:
        read(file)
    told = str(refused.value)
    assert str(file) in told
    assert all(word in told for word in words), told
    assert "\n" not in told


def test_a_file_without_two_answers_to_anything_is_refused(tmp_path: Path) -> None:
    for file in (written(tmp_path, record(), record(prompt="What?")), written(tmp_path)):
        with pytest.raises(BadRequest, match="no instruction has two answers"):
            read(file)


def test_too_many_answers_to_one_instruction_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, *[record(output=str(number)) for number in range(MAX_ANSWERS + 1)])
    with pytest.raises(BadRequest, match="'Why\\?' has 17 answers, and at most 16"):
        read(file)


def test_what_is_no_file_of_text_is_refused(tmp_path: Path) -> None:
    binary, pipe = tmp_path / "binary", tmp_path / "pipe"
    binary.write_bytes(b"\xff\xfe\x00")
    os.mkfifo(pipe)
    with pytest.raises(BadRequest, match="cannot be read"):
        read(binary)
    for path in (tmp_path, tmp_path / "none", pipe):
        with pytest.raises(BadRequest, match="no file"):
            read(path)


def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(f"{json.dumps(record())}\n{json.dumps(record())}", encoding="utf-8-sig")
    assert len(read(file).instructions) == 1
