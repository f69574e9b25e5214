from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from janus_space.benchmarks.annotations import read_annotations


def written(path: Path, value: Any) -> Path:
    text = json.dumps(value).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_rows_in_any_order_draws_and_silence(tmp_path: Path, name: str) -> None:
    rows = [[7, 2.0, 100, 300], [0, 1.25, 80, 40], [3, 0, 10, 10], [4, None, 5, 5]]
    (one,) = read_annotations(written(tmp_path / name, {"m": {"win_rate": 99.0, "rows": rows}}))
    assert one.model == "m"
    assert one.instruction.tolist() == [0, 3, 7]
    assert one.won.tolist() == [0.25, 0.5, 1.0]
    assert one.baseline_chars.tolist() == [80, 10, 100]
    assert one.model_chars.tolist() == [40, 10, 300]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "holds no models"),
        ({}, "holds no models"),
        ({"m": {}}, 'm: there are no "rows"'),
        ({"m": {"rows": [[0, 1, 2]]}}, "m, row 1: it should be"),
        ({"m": {"rows": [[0, 1, 2, 3], [0, 1, 2, 3]]}}, "row 2: instruction 0 is judged twice"),
        ({"m": {"rows": [[-1, 1, 2, 3]]}}, "whole number from 0 on, not -1"),
        ({"m": {"rows": [[True, 1, 2, 3]]}}, "whole number from 0 on, not True"),
        ({"m": {"rows": [[0, 2.5, 2, 3]]}}, "the preference should be from 1 to 2"),
        ({"m": {"rows": [[0, 1, 2, "3"]]}}, "numbers of characters"),
        ({"m": {"rows": [[0, float("nan"), 2, 3]]}}, "the preference should be"),
        ({"m": {"rows": [[0, None, 2, 3]]}}, "none of its 1 rows holds a preference"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, value: Any, told: str) -> None:
    with pytest.raises(BadRequest, match=told.replace("[", r"\[")):
        read_annotations(written(tmp_path / "a.json", value))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="cannot be read: No such file"):
        read_annotations(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("nonsense")
    with pytest.raises(BadRequest, match="is not JSON"):
        read_annotations(tmp_path / "a.json")
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b"{}")[:-6])
    with pytest.raises(BadRequest, match="is not JSON"):
        read_annotations(tmp_path / "b.json.gz")
