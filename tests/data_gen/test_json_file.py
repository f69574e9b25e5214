"""A file written by hand: what is wrong with it, where, in one sentence."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, Field

from data_gen.errors import BadRequest
from data_gen.json_file import parse


class Shelf(BaseModel):
    books: list[str] = Field(max_length=3)


def test_a_sound_file_is_read_with_or_without_a_byte_order_mark() -> None:
    text = '{"books": ["Ümlaut"]}'
    assert parse(text.encode(), "shelf.json", Shelf, 100).books == ["Ümlaut"]
    assert parse(text.encode("utf-8-sig"), "shelf.json", Shelf, 100).books == ["Ümlaut"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"books": ["a",]}', r"shelf\.json is not JSON: .* in line 1, column 1\d\."),
        (b"\xff\xfe{}", "not UTF-8"),
        (json.dumps({"books": ["a", 7]}).encode(), "shelf.json, books 2: "),
        (json.dumps({"books": list("abcd")}).encode(), "shelf.json, books: "),
        (b"[]", "shelf.json, the whole file: "),
        (b"[" * 50_000, "nested too deeply"),
        (b" " * 70_000, "shelf.json is larger than 60 kB"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(data: bytes, told: str) -> None:
    with pytest.raises(BadRequest, match=told) as caught:
        parse(data, "shelf.json", Shelf, 60_000)
    assert "\n" not in str(caught.value)
