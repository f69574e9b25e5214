from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.hub import LocalHub
from tests.trainer.sample_rows import pair_rows, sft_rows, write_jsonl
from trainer.config import DataOptions, Method
from trainer.data import Dataset, read_dataset, refuse_faults
from trainer.errors import BadDataset


def read(path: Path, method: Method = "sft", **options: Any) -> Dataset:
    return read_dataset(str(path), method, DataOptions(dataset=str(path), **options))


def test_twelve_kinds_of_bad_rows_are_named_and_none_is_kept(tmp_path: Path) -> None:
    good = {"system": "Be brief.", "prompt": "Why?", "output": "Because."}
    turn = {"role": "user", "content": "Why?"}
    bad = [
        b"{not json",
        b'["a", "list"]',
        b'{"system": "\xff", "prompt": "Why?", "output": "Because."}',
        json.dumps(good | {"output": None}),
        json.dumps({"system": "Be brief.", "prompt": "Why?"}),
        json.dumps(good | {"output": "   "}),
        json.dumps(good | {"prompt": 7}),
        json.dumps(good | {"system": ["Be brief."]}),
        json.dumps(good | {"prompt": [{"role": "robot", "content": "Why?"}]}),
        json.dumps(good | {"prompt": [turn, turn]}),
        json.dumps(good | {"prompt": [turn, {"role": "assistant", "content": "Because."}]}),
        json.dumps(good | {"output": "half a character: \ud83d"}),
        json.dumps(good | {"output": [turn]}),
        json.dumps(good | {"prompt": [turn | {"content": None}]}),
    ]
    lines = [json.dumps(good).encode(), *(one if isinstance(one, bytes) else one.encode() for one in bad)]
    file = tmp_path / "train.jsonl"
    file.write_bytes(b"\n".join(lines))
    found = read(file)
    assert [fault.place for fault in found.faults] == [f"Row {number} of train.jsonl" for number in range(2, 16)]
    assert [row.place for row in found.rows] == ["Row 1 of train.jsonl"]
    columns = [fault.column for fault in found.faults]
    assert columns[3:] == [*["output"] * 3, "prompt", "system", *["prompt"] * 3, "output", "output", "prompt"]
    with pytest.raises(BadDataset, match=r"14 rows .*Row 2 of train.jsonl is not valid JSON"):
        refuse_faults(found, str(file))


def test_bad_pairs_are_named(tmp_path: Path) -> None:
    first = pair_rows()[0]
    question, right = first["chosen"]
    rows = [
        first,
        first | {"rejected": first["chosen"]},
        first | {"rejected": [{"role": "user", "content": "Another?"}, first["rejected"][1]]},
        first | {"chosen": [question]},
        {name: value for name, value in first.items() if name != "rejected"},
        first | {"chosen": [right]} | {"rejected": "text"},
    ]
    found = read(write_jsonl(tmp_path / "pairs.jsonl", rows), "dpo")
    assert [fault.place for fault in found.faults] == [f"Row {number} of pairs.jsonl" for number in (2, 3, 4, 5)]
    assert "the same answer" in str(found.faults[0])
    assert "another question" in str(found.faults[1])


def test_all_formats_give_the_same_rows(tmp_path: Path) -> None:
    rows = sft_rows()
    write_jsonl(tmp_path / "rows.jsonl", rows)
    (tmp_path / "rows.json").write_text(json.dumps(rows), "utf-8")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = [
        [row[1:] for row in read(tmp_path / f"rows.{suffix}").rows] for suffix in ("jsonl", "json", "parquet", "csv")
    ]
    assert len(found[0]) == 36
    assert found[1:] == found[:1] * 3


def test_a_dataset_folder_gives_each_method_its_table(collection: Path) -> None:
    assert len(read(collection).rows[0].answers) == 1
    assert len(read(collection, "dpo").rows[0].answers) == 2


def test_columns_are_guessed_or_given(tmp_path: Path) -> None:
    rows = [{"persona": "Be brief.", "instruction": "Why?", "response": "Because."}]
    file = write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read(file).rows[0].system is None
    found = read(file, columns={"system": "persona"})
    assert found.columns == {"system": "persona", "prompt": "instruction", "output": "response"}
    assert found.rows[0].messages[0] == {"role": "system", "content": "Be brief."}
    with pytest.raises(BadDataset, match="has no 'voice'"):
        read(file, columns={"system": "voice"})
    with pytest.raises(BadDataset, match="dpo needs a column 'chosen'"):
        read(file, "dpo")


def test_the_reward_format_of_the_paper_is_read(tmp_path: Path) -> None:
    row = {"input": "Be brief.\nWhy?", "chosen": "Because.", "rejected": "Who knows."}
    found = read(write_jsonl(tmp_path / "rm.jsonl", [row]), "reward").rows[0]
    assert found.turns == [{"role": "user", "content": "Be brief.\nWhy?"}]
    assert found.answers == ("Because.", "Who knows.")


def test_each_answer_of_a_conversation_becomes_a_row(tmp_path: Path) -> None:
    said = [("system", "Be brief."), ("user", "A?"), ("assistant", "a"), ("user", "B?"), ("assistant", "b")]
    messages = [{"role": role, "content": content} for role, content in said]
    sharegpt = [{"from": {"user": "human", "assistant": "gpt"}.get(r, r), "value": c} for r, c in said]
    plain = read(write_jsonl(tmp_path / "a.jsonl", [{"messages": messages}])).rows
    shared = read(write_jsonl(tmp_path / "b.jsonl", [{"conversations": sharegpt}])).rows
    assert [row.answers for row in plain] == [("a",), ("b",)]
    assert [len(row.turns) for row in plain] == [1, 3]
    assert [row[2:] for row in shared] == [row[2:] for row in plain]


def test_repeated_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    found = read(write_jsonl(tmp_path / "rows.jsonl", [*sft_rows(), *sft_rows()[:5]]))
    assert (len(found.rows), dict(found.left_out)) == (36, {"the same as an earlier row": 5})


@pytest.mark.parametrize("name", ["nowhere.jsonl", "rows.txt", "empty.jsonl"])
def test_what_is_no_dataset_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.txt").write_text("text")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(BadDataset):
        read(tmp_path / name)


def test_a_dataset_of_the_hub_is_fetched_at_its_revision(tmp_path: Path) -> None:
    """By the real client in a process of its own, from the tests' own Hub."""
    (tmp_path / "repo").mkdir()
    write_jsonl(tmp_path / "repo" / "train.jsonl", sft_rows()[:5])
    code = (
        "from trainer.config import DataOptions; from trainer.data import read_dataset\n"
        "for name in ('hf:me/rows@old', 'me/rows'):\n"
        "    print(len(read_dataset(name, 'sft', DataOptions(dataset=name)).rows))\n"
    )
    with LocalHub() as hub:
        hub.add("datasets/me/rows", tmp_path / "repo", ref="old")
        write_jsonl(tmp_path / "repo" / "train.jsonl", sft_rows()[:9])
        hub.add("datasets/me/rows", tmp_path / "repo")
        done = subprocess.run(
            [sys.executable, "-c", code], env=hub.environment(tmp_path / "hf"), capture_output=True, text=True
        )
    assert done.stdout.split() == ["5", "9"], done.stderr[-2000:]
