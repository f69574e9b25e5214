from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from data_gen.augment import Grown
from data_gen.columns import COLUMNS
from data_gen.export import describe, new_folder, write_tables
from data_gen.records import Quarantined, Rubric, SftRecord
from tests.sample_records import siblings

SCORES = {str(score): f"score {score}" for score in range(1, 6)}
RUBRICS = (Rubric.model_validate({"criteria": "Is it?", "score_descriptions": SCORES}),) * 4
GROWN = [Grown(record, RUBRICS) for name in "abc" for record in siblings(name)]
QUARANTINED = [
    Quarantined(instruction_id="d", set_index=0, level="response", kind="failed", reason="500", prompt="Why?")
]
FACTS = {"instructions": 4, "sets": 3, "teacher": ["openai:m"], "unfinished": 0}


def write(folder: Path) -> dict[str, object]:
    folder.mkdir()
    counts = write_tables(folder, GROWN, QUARANTINED, "paper", seed=0, has_bench=True)
    return describe(folder, counts, FACTS)


def test_jsonl_and_parquet_hold_the_same_rows_in_the_declared_columns(tmp_path: Path) -> None:
    write(tmp_path / "d")
    for table, columns in COLUMNS.items():
        lines = [json.loads(line) for line in (tmp_path / f"d/{table}.jsonl").read_text("utf-8").splitlines()]
        assert pyarrow.parquet.read_table(tmp_path / f"d/{table}.parquet").to_pylist() == lines
        assert all(list(line) == list(columns) for line in lines)
    assert [SftRecord.model_validate_json(line) for line in (tmp_path / "d/sft.jsonl").read_text().splitlines()] == [
        SftRecord.model_validate(one.record.model_dump(mode="json")) for one in GROWN
    ]


def test_the_bench_has_the_columns_of_the_papers_bench(tmp_path: Path) -> None:
    write(tmp_path / "d")
    row = json.loads((tmp_path / "d/bench.jsonl").read_text().splitlines()[0])
    assert {"source", "preference_set", "system", "prompt", "reference_answer", "rubrics"} < row.keys()
    assert row["reference_answer"] == GROWN[0].record.output
    assert row["rubrics"][3] == {"criteria": "Is it?", "score_descriptions": SCORES}


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_dataset_json_counts_and_checks_every_file(tmp_path: Path) -> None:
    told = write(tmp_path / "d")
    assert json.loads((tmp_path / "d/dataset.json").read_text()) == told
    assert told["rows"] == {"sft": 9, "pairs": 3, "bench": 9}
    assert told["quarantined_by_reason"] == {"response: failed": 1}
    assert told["main_sources"] == {"tests": 9}
    files = told["files"]
    assert isinstance(files, dict)
    for name, facts in files.items():
        assert hashlib.sha256((tmp_path / "d" / name).read_bytes()).hexdigest() == facts["sha256"]


def test_the_card_says_what_was_left_to_do(tmp_path: Path) -> None:
    write(tmp_path / "d")
    card = (tmp_path / "d/README.md").read_text()
    assert card.startswith("---\nconfigs:\n- config_name: default\n")
    assert "could not be made: 1, in `quarantine.jsonl`" in card
    assert "{" not in card


def test_a_dataset_without_rows_is_still_a_dataset(tmp_path: Path) -> None:
    write_tables(tmp_path, [], [], "none", seed=0, has_bench=False)
    assert pyarrow.parquet.read_table(tmp_path / "sft.parquet").num_rows == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quarantine.jsonl", "sft.jsonl", "sft.parquet"]


def test_a_new_folder_takes_the_place_of_the_old_one_only_when_whole(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/old").touch()
    (tmp_path / ".d-killed").mkdir()

    def fail_halfway() -> None:
        with new_folder(tmp_path / "d") as folder:
            (folder / "new").touch()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail_halfway()
    assert [path.name for path in tmp_path.rglob("*")] == ["d", "old"]
    with new_folder(tmp_path / "d") as folder:
        (folder / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["d", "new"]
