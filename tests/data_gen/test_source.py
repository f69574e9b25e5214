from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_gen.errors import BadRequest
from data_gen.source import find_source, is_on_hub
from tests.augment_command import run
from tests.hub import LocalHub


def a_dataset(folder: Path, *prompts: str) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data/train-0.jsonl").write_text("".join(json.dumps({"prompt": one}) + "\n" for one in prompts))
    (folder / "data/test-0.jsonl").write_text('{"prompt": "Kept for the test?"}\n')
    (folder / "README.md").write_text("# A dataset")
    return folder


def test_a_file_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("Why?\nHow?\n")
    source = find_source(tmp_path / "asked.txt", tmp_path)
    assert (source.name, len(source.sha256())) == ("asked.txt", 64)
    assert [(one.text, one.main_source) for one in source.read()] == [("Why?", "asked"), ("How?", "asked")]


def test_what_names_no_dataset_is_told_the_form(tmp_path: Path) -> None:
    assert is_on_hub(Path("hub:a"))
    with pytest.raises(BadRequest, match="hub:ORG/NAME@REVISION"):
        find_source(Path("hub:a"), tmp_path)


def test_a_dataset_of_the_hub_is_read_at_the_commit_that_the_job_saw_first(tmp_path: Path) -> None:
    with LocalHub() as hub:
        first = hub.add("datasets/org/asked", a_dataset(tmp_path / "data", "Why?", "How?"))
        environment = hub.environment(tmp_path / "hf") | {"HF_HUB_OFFLINE": "0"}
        flags = (
            "--instructions",
            "hub:org/asked",
            "--teacher",
            "echo:",
            "--sets",
            1,
            "--out",
            tmp_path / "out",
            "--json",
        )
        done = run(*flags, **environment)
        assert done.returncode == 0, done.stderr
        told = json.loads((tmp_path / "out/dataset/dataset.json").read_text())
        assert told["instructions_file"]["name"] == f"org/asked@{first}"
        assert told["main_sources"] == {"org/asked": 2}
        hub.add("datasets/org/asked", a_dataset(tmp_path / "data", "Why?", "How?", "When?"))
        assert json.loads(run(*flags, **environment).stdout)[0]["rows"] == 2
        named = ("--instructions", "hub:org/asked@main:data/t*.jsonl")
        done = run(*flags, *named, **environment)
        assert json.loads(done.stdout)[0]["rows"] == 4, done.stderr


def test_a_dataset_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with LocalHub() as hub:
        environment = hub.environment(tmp_path / "hf") | {"HF_HUB_OFFLINE": "0"}
        done = run("--instructions", "hub:org/gone", "--teacher", "echo:", "--out", tmp_path / "out", **environment)
        assert done.returncode == 2
        assert "The dataset org/gone cannot be read from the Hub" in done.stderr
        assert "Traceback" not in done.stderr
