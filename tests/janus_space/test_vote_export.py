from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from janus_space.comparison import Turn
from janus_space.vote_export import CSV_COLUMNS, write_csv, write_jsonl
from janus_space.votes import Vote
from tests.janus_space.sample_votes import make_vote

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def as_csv(*votes: Vote) -> list[dict[str, str]]:
    file = io.StringIO(newline="")
    write_csv(votes, file)
    file.seek(0)
    return list(csv.DictReader(file))


def test_jsonl_is_the_votes_again() -> None:
    votes = [
        make_vote("ab", 0),
        make_vote("abc", "both bad", earlier=(Turn(prompt="First?", answers=("x", None, "z")),)),
    ]
    file = io.StringIO()
    write_jsonl(votes, file)
    assert [Vote.model_validate_json(line) for line in file.getvalue().splitlines()] == votes


def test_csv_has_a_row_a_column() -> None:
    won = as_csv(make_vote(["m1", "m2", "m3"], 1, ["s", None, "s"]))
    assert [row["outcome"] for row in won] == ["lost", "won", "lost"]
    assert [row["column"] for row in won] == ["A", "B", "C"]
    assert [row["model"] for row in won] == ["m1", "m2", "m3"]
    assert [row["system"] for row in won] == ["s", "", "s"]
    assert {row["verdict"] for row in won} == {"B"}
    assert tuple(won[0]) == CSV_COLUMNS
    tied = as_csv(make_vote("ab", "tie"))
    assert {row["verdict"] for row in tied} == {row["outcome"] for row in tied} == {"tie"}
    assert json.loads(tied[0]["sampling"])["top_p"] == 0.9


@given(text=TEXT | st.sampled_from(RISKY).flatmap(lambda first: TEXT.map(lambda rest: f" {first}{rest}")))
def test_no_cell_can_run_as_a_formula_and_none_loses_a_character(text: str) -> None:
    column = (
        make_vote(["m1", "m2"], 0)
        .columns[0]
        .model_copy(update={"model": text, "name": text, "system": text, "answer": text, "preferences": {text: text}})
    )
    vote = make_vote(["m1", "m2"], 0, prompt=text, voter=text)
    row, _ = as_csv(vote.model_copy(update={"columns": (column, vote.columns[1])}))
    assert not [cell for cell in row.values() if cell.lstrip(" ").startswith(RISKY)]
    for name in ("voter", "model", "name", "system", "prompt", "answer"):
        assert row[name].removeprefix("'") == text
    assert json.loads(row["preferences"].removeprefix("'")) == {text: text}
