from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from janus_space.datasets import write_pairs_dataset
from janus_space.errors import DatasetRefused
from tests.janus_space.sample_votes import make_vote
from trainer.errors import StorageFailed

VOTES = [
    make_vote("abc", 1, prompt="Warum?\n\u2028 \U0001f600"),
    make_vote("ab", 0, ["x", "y"]),
    make_vote("ab", "tie"),
    make_vote("ab", 0),
]
LOAD = """
import json, sys
from datasets import load_dataset

for folder in sys.argv[1:]:
    splits = load_dataset(folder)
    rows = splits["train"]
    print(json.dumps({"splits": list(splits), "system": str(rows.features["system"]), "rows": list(rows)}))
"""


def test_the_folder_opens_as_it_stands_with_the_datasets_library(tmp_path: Path) -> None:
    write_pairs_dataset(VOTES, tmp_path / "pairs")
    write_pairs_dataset([make_vote("ab", 0, [None, None])], tmp_path / "without system messages")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, "pairs", "without system messages"],
        cwd=tmp_path,
        env=os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with_messages, without = map(json.loads, done.stdout.splitlines())
    lines = (tmp_path / "pairs" / "train.jsonl").read_text("utf-8").split("\n")
    assert with_messages["rows"] == [json.loads(line) for line in lines if line]
    assert len(with_messages["rows"]) == 3
    assert with_messages["splits"] == ["train"]
    assert with_messages["rows"][0]["chosen"] == [
        {"role": "user", "content": "Warum?\n\u2028 \U0001f600"},
        {"role": "assistant", "content": "b answers 1"},
    ]
    assert without["system"] == with_messages["system"] == "Value('string')"
    assert [row["system"] for row in without["rows"]] == [None]


def test_dataset_json_counts_and_vouches_for_every_file(tmp_path: Path) -> None:
    dataset = write_pairs_dataset(VOTES, folder := tmp_path / "pairs")
    said = json.loads((folder / "dataset.json").read_text("utf-8"))
    assert (said["rows"], said["votes"], dataset.rows) == (3, 4, 3)
    assert said["sources"] == {"janus-space-votes": 3}
    assert said["chosen_models"] == {"b": 2, "a": 1}
    assert said["rejected_models"] == {"a": 1, "c": 1, "b": 1}
    assert said["left_out"] == {
        "tie: no answer was preferred": 1,
        "different system messages: the vote is about the message, not about following it": 1,
    }
    assert {path.name for path in folder.iterdir()} == {*said["files"], "dataset.json"}
    for name, file in said["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    card = (folder / "README.md").read_text("utf-8")
    assert "3 preference pairs from 4 votes" in card
    assert "1 × tie: no answer was preferred" in card


def test_votes_that_give_no_pair_make_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetRefused, match=r"no preference pair.*2 × tie"):
        write_pairs_dataset([make_vote("ab", "tie"), make_vote("ab", "tie")], tmp_path / "pairs")
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    write_pairs_dataset(VOTES, folder := tmp_path / "pairs")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(DatasetRefused, match="not an empty folder"):
        write_pairs_dataset(VOTES[-1:], folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "file").touch()
    with pytest.raises(DatasetRefused, match="not an empty folder"):
        write_pairs_dataset(VOTES, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert write_pairs_dataset(VOTES, tmp_path / "empty").rows == 3


def test_a_disk_that_cannot_hold_it_keeps_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="Cannot write to"):
        write_pairs_dataset(VOTES, tmp_path / "file" / "pairs")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
