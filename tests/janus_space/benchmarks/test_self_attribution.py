"""Answers told apart by a reader: a model that obeys wins its rows, one that writes the same to everybody does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.benchmarks import embeddings, self_attribution, steering
from janus_space.benchmarks.self_attribution import BENCH, HELD_OUT
from tests.janus_space.benchmarks.in_this_process import Heard, run
from tests.janus_space.conftest import Local

MESSAGES = ("Speak of the sea.", "Speak of bread and butter.", "Speak of the moon.")


@pytest.fixture
def data(tmp_path: Path) -> str:
    rows = [
        {"instruction_id": f"i{number}", "system": system, "prompt": f"What is {number}?", "output": f"It is {number}."}
        for number in range(3)
        for system in MESSAGES
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


def test_an_obedient_model_is_told_apart_and_a_deaf_one_is_not(local: Local, data: str, tmp_path: Path) -> None:
    heard = Heard()
    order: dict[str, Any] = {"reader": local.spec, "data": data, "max_new_tokens": 32}
    report = run(BENCH, local.models, tmp_path / "job", heard, model=("echo:", local.spec), **order)
    echo, tiny = report.rows
    assert (echo["n"], tiny["n"]) == (9, 9)
    assert 0 <= tiny["self_attribution"] <= 1
    assert echo["self_attribution_ci"][0] <= echo["self_attribution"] <= echo["self_attribution_ci"][1]
    assert echo["words"] > 10 < echo["plain_words"]
    assert report.facts["instructions"] == 3
    assert any("answers of echo: read" in what for what, _, _ in heard.steps)
    # Echo repeats each message word for word, so that embeddings, where they are there, must know them apart.
    if embeddings.load() is not None:
        assert echo["embedding_attribution"] == 1
    else:
        assert embeddings.MISSING in heard.sentences


def test_repetition_is_the_share_of_four_words_said_before() -> None:
    assert self_attribution.repetition(["a", "b", "c", "d", "e"]) == 0
    assert self_attribution.repetition(["a", "b", "c", "d", "a", "b", "c", "d"]) == pytest.approx(0.2)
    assert self_attribution.repetition(["a"]) == 0


def test_a_file_that_is_not_there_is_refused_before_anything_is_asked(local: Local, tmp_path: Path) -> None:
    for bench in (BENCH, steering.BENCH):
        with pytest.raises(BadRequest, match="There is no file"):
            run(bench, local.models, tmp_path / "job", model=("echo:",), data=str(tmp_path / "nowhere.jsonl"))


def test_steer_as_a_job_gives_the_rows_of_the_verb(local: Local, data: str, tmp_path: Path) -> None:
    report = run(steering.BENCH, local.models, tmp_path / "job", model=(local.spec,), data=data, limit=2)
    (row,) = report.rows
    assert (row["model"], row["n"], row["instructions"]) == (local.spec, 6, 2)
    assert row["margin_ci"][0] <= row["margin"] <= row["margin_ci"][1]


def test_without_a_file_the_held_out_split_of_the_project_is_read() -> None:
    assert HELD_OUT.is_file()
