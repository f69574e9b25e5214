from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from data_gen.errors import BadRequest
from data_gen.instructions import GUESSED, Columns, Instruction, from_texts, read_instructions, settled


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def texts(path: Path, **options: Any) -> list[str]:
    return [one.text for one in read_instructions(path, **options)]


def test_every_form_gives_the_same_instructions(tmp_path: Path) -> None:
    rows = [{"prompt": "Why, “so”?", "source": "a"}, {"prompt": "Two\nlines", "source": "b"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    with gzip.open(tmp_path / "x.jsonl.gz", "wt") as file:
        file.write(lines)
    paths = [
        write(tmp_path / "x.jsonl", lines),
        write(tmp_path / "x.json", json.dumps(rows)),
        write(tmp_path / "x.csv", 'prompt,source\n"Why, “so”?",a\n"Two\nlines",b\n'),
        write(tmp_path / "x.tsv", 'prompt\tsource\n"Why, “so”?"\ta\n"Two\nlines"\tb\n'),
        tmp_path / "x.parquet",
        tmp_path / "x.jsonl.gz",
    ]
    found = [[(one.text, one.main_source) for one in read_instructions(path)] for path in paths]
    assert found == [[("Why, “so”?", "a"), ("Two\nlines", "b")]] * len(paths)


def test_plain_text_is_an_instruction_a_line_named_after_its_file(tmp_path: Path) -> None:
    (one, other) = read_instructions(write(tmp_path / "mine.txt", "First?\n\nSecond?\n"))
    assert (one.text, other.text, one.main_source, one.original_source) == ("First?", "Second?", "mine", "mine")


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"Instruction": "Do it."}, "Do it."),
        ({"instruction": "Do it:", "input": "this", "output": "no"}, "Do it:\n\nthis"),
        ({"question": " Why? "}, "Why?"),
        ({"turns": ["First.", "Second."]}, "First."),
        ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}, "u"),
        ({"conversation": [{"from": "human", "value": "h"}]}, "h"),
        ({"anything": "only column"}, "only column"),
        ({"prompt": "half \ud800 character"}, "half ? character"),
        ({"prompt": None}, ""),
    ],
)
def test_the_column_is_guessed_by_its_name(tmp_path: Path, row: dict[str, Any], text: str) -> None:
    assert texts(write(tmp_path / "x.jsonl", json.dumps(row))) == [text]


def test_sources_and_ids_are_kept(tmp_path: Path) -> None:
    row = {"instruction_id": "i1", "main_source": "m", "original_source": "o", "prompt": "Why?"}
    assert list(read_instructions(write(tmp_path / "x.jsonl", json.dumps(row)))) == [
        Instruction(id="i1", text="Why?", main_source="m", original_source="o")
    ]


def test_a_column_can_be_named(tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", json.dumps({"ask": "Why?", "prompt": "no", "dataset": "d"}))
    assert [(one.text, one.main_source) for one in read_instructions(file, Columns(prompt_column="ask"))] == [
        ("Why?", "d")
    ]
    with pytest.raises(BadRequest, match="has no column answer; it has ask, prompt, dataset"):
        texts(file, columns=Columns(prompt_column="answer"))


def test_a_torn_line_is_an_empty_instruction(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "x.jsonl", '{"prompt": "Why?"}\n{"prompt": "Wh\n[1]\n')) == ["Why?", "", ""]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", b'{"a": 1, "b": 2}', "has the columns a, b, and none is named like an instruction"),
        ("x.csv", "prompt\n\xe9".encode("latin-1"), "not UTF-8"),
        ("x.parquet", b"PAR1 no PAR1", "not a whole Parquet file"),
        ("x.json", b'{"prompt": "x"}', "not a JSON list"),
        ("x.jsonl.gz", b"no gzip", "cannot be read"),
        ("x.docx", b"", "no form that can be read"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRequest, match=message):
        texts(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"gone\.jsonl cannot be read \(No such file"):
        texts(tmp_path / "gone.jsonl")


def test_reading_stops_where_the_reader_stops(tmp_path: Path) -> None:
    lines = '{"prompt": "Why?"}\n' * 3 + "x" * 10_000_000
    assert next(read_instructions(write(tmp_path / "x.jsonl", lines))).text == "Why?"


def test_a_list_of_texts() -> None:
    assert [one.text for one in from_texts([" a ", ""])] == ["a", ""]


def test_the_guess_prefers_prompt_to_text() -> None:
    assert settled(GUESSED, ["text", "Prompt"], "f").prompt_column == "Prompt"


ALPACA = {"instruction": "Do it:", "input": "this", "dataset": "d", "task": "t", "key": "7"}


@pytest.mark.parametrize(
    ("named", "read"),
    [
        ({}, Instruction(id="", text="Do it:\n\nthis", main_source="d", original_source="t")),
        ({"more_column": ""}, Instruction(id="", text="Do it:", main_source="d", original_source="t")),
        (
            {"prompt_column": "instruction", "more_column": "input", "id_column": "key"},
            Instruction(id="7", text="Do it:\n\nthis", main_source="d", original_source="t"),
        ),
        (
            {"main_source_column": "key", "original_source_column": "input"},
            Instruction(id="", text="Do it:\n\nthis", main_source="7", original_source="this"),
        ),
        (
            {"main_source_column": "", "original_source_column": ""},
            Instruction(id="", text="Do it:\n\nthis", main_source="x", original_source="x"),
        ),
    ],
)
def test_every_column_can_be_named_or_left_out(tmp_path: Path, named: dict[str, str], read: Instruction) -> None:
    file = write(tmp_path / "x.jsonl", json.dumps(ALPACA))
    (found,) = read_instructions(file, Columns(**named))
    made_from_the_text = hashlib.sha256(read.text.encode()).hexdigest()[:16]
    assert found == read.model_copy(update={"id": read.id or made_from_the_text})


def test_a_column_that_is_not_there_is_told_and_one_without_a_name_is_no_column(tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", "prompt,source\nWhy?,a,too much\n")
    assert texts(file) == ["Why?"]
    with pytest.raises(BadRequest, match="has no column where; it has prompt, source"):
        texts(file, columns=Columns(main_source_column="where"))


def test_settled_columns_stay_as_they_are() -> None:
    once = settled(GUESSED, list(ALPACA), "f")
    assert once == Columns(
        prompt_column="instruction",
        more_column="input",
        main_source_column="dataset",
        original_source_column="task",
        id_column="",
    )
    assert settled(once, list(ALPACA), "f") == once
