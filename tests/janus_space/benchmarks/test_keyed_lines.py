"""Rows are appended once a key; a torn line is cut off, and a kill at any byte loses no whole one."""

from __future__ import annotations

import json
from pathlib import Path

from janus_space.benchmarks.keyed_lines import KeyedLines


def test_a_key_is_written_once_also_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for _ in range(2):
        with KeyedLines(path) as rows:
            rows.add("a", {"score": 1})
            rows.add("b", {"score": 2})
            rows.add("a", {"score": 3})
    assert [json.loads(line) for line in path.open()] == [{"key": "a", "score": 1}, {"key": "b", "score": 2}]


def test_a_line_that_somebody_changed_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('nonsense\n[1]\n{"score": 3}\n')
    with KeyedLines(path) as rows:
        rows.add("a", {"score": 1})
    assert path.read_text().endswith('{"key": "a", "score": 1}\n')


def test_cut_at_any_byte_whole_lines_stay_and_the_torn_one_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with KeyedLines(path) as rows:
        rows.add("a", {"text": "ä\n"})
        rows.add("b", {"text": "ö"})
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with KeyedLines(path) as rows:
            rows.add("a", {"text": "ä\n"})
            rows.add("b", {"text": "ö"})
        assert path.read_bytes() == whole
