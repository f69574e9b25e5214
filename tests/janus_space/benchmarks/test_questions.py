"""Questions: read, named where they are wrong, and drawn by the seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from data_gen.errors import BadRequest
from janus_space.benchmarks.questions import read_rows, sample, seed_of


class Row(BaseModel):
    prompt: str


def test_a_file_is_read_and_cited(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"prompt": "1"}\n{"prompt": "2"}\n')
    rows, data = read_rows(str(tmp_path / "q.jsonl"), Row, tmp_path)
    assert [row.prompt for row in rows] == ["1", "2"]
    assert data.as_facts()["data"] == "q.jsonl"


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"prompt": "1"}\n{"x": 2}\n', "Row 2 of q.jsonl, prompt: field required."), ("", "holds no rows")],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(BadRequest, match=told):
        read_rows(str(tmp_path / "q.jsonl"), Row, tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        read_rows(str(tmp_path / "none.jsonl"), Row, tmp_path)


def test_whole_groups_are_drawn_by_the_seed_and_keep_their_order() -> None:
    items = [(group, place) for group in range(20) for place in range(3)]
    drawn = sample(items, lambda item: item[0], 5, seed=1)
    assert len(drawn) == 15
    assert drawn == sorted(drawn)
    assert drawn == sample(items, lambda item: item[0], 5, seed=1) != sample(items, lambda item: item[0], 5, seed=2)
    assert sample(items, lambda item: item[0], None, seed=1) == items


def test_a_questions_seed_is_its_own() -> None:
    assert seed_of(0, "a") == seed_of(0, "a") != seed_of(0, "b")
    assert 0 <= seed_of(1, "\ud83d") < 2**31
