from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from data_gen.__main__ import run_augment
from data_gen.errors import BadRequest
from data_gen.records import GrownRecord
from janus_space.augment_order import AugmentJob
from janus_space.review import ReviewBook, digest
from tests.janus_space.job_doubles import instructions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a job's folder with 3 instructions × 2 sets, rubrics included."""
    folder = tmp_path_factory.mktemp("review")
    asked = AugmentJob(instructions=str(instructions(folder, 3)), teacher=("echo:",), sets=2, rubrics=True)
    run_augment(asked, folder / "job")
    return folder / "job"


@pytest.fixture
def book(made: Path, tmp_path: Path) -> ReviewBook:
    return ReviewBook(Path(shutil.copytree(made, tmp_path / "job")))


def written(book: ReviewBook, table: str = "sft") -> list[dict[str, object]]:
    return [json.loads(line) for line in (book.job / "reviewed" / f"{table}.jsonl").read_text("utf-8").splitlines()]


def test_the_last_word_on_a_row_counts(book: ReviewBook) -> None:
    first, second, *_ = book.rows()
    book.add(first, "accept")
    book.add(first, "reject", "  wrong facts ")
    book.add(second, "edit", "softer", system="You are gentle.", output="Perhaps.")
    first, second, third, *_ = book.rows()
    assert first.review is not None
    assert (first.review.decision, first.review.reason) == ("reject", "wrong facts")
    assert (second.record.system, second.record.output) == ("You are gentle.", "Perhaps.")
    assert second.made.system != second.record.system
    assert third.review is None
    assert len(book.file.read_text().splitlines()) == 3


def test_other_rooms_get_it_as_reviewed_and_before_that_as_made(book: ReviewBook) -> None:
    assert book.as_it_stands() == book.dataset
    first, *others = book.rows()
    book.add(first, "reject", "wrong facts")
    assert book.as_it_stands() == book.job / "reviewed"
    assert len(written(book)) == len(others)
    assert first.made.output not in [row["output"] for row in written(book) if row["system"] == first.made.system]


@pytest.mark.parametrize(
    ("decision", "edited", "told"),
    [("reject", {}, "why this row is rejected"), ("edit", {"system": " ", "output": "x"}, "may be empty")],
)
def test_a_review_that_does_not_say_enough_is_refused(
    book: ReviewBook, decision: str, edited: dict[str, str], told: str
) -> None:
    row = next(book.rows())
    with pytest.raises(BadRequest, match=told):
        book.add(row, decision, " ", **edited)  # type: ignore[arg-type]
    assert not book.latest()


def test_a_torn_line_takes_no_other_review_with_it(book: ReviewBook) -> None:
    first, second, *_ = book.rows()
    book.add(first, "accept")
    with book.file.open("ab") as file:
        file.write(b'{"time": "torn')
    book.add(second, "accept")
    assert set(book.latest()) == {first.key, second.key}


def test_a_row_that_was_made_anew_is_not_reviewed(book: ReviewBook) -> None:
    row = next(book.rows())
    book.add(row, "accept")
    path = book.dataset / "sft.jsonl"
    lines = path.read_text("utf-8").splitlines()
    record = json.loads(lines[0])
    path.write_text("\n".join([json.dumps(record | {"output": "Another answer."}), *lines[1:]]) + "\n", "utf-8")
    assert next(book.rows()).review is None
    assert digest(GrownRecord.model_validate(record)) == digest(row.made)


def test_pages_hold_what_was_asked_for(book: ReviewBook) -> None:
    rows = list(book.rows())
    book.add(rows[0], "accept")
    book.add(rows[1], "reject", "dull")
    assert [row.key for row in book.page("all", 4, 4)[0]] == [row.key for row in rows[4:]]
    assert book.page("open", 0, 2)[1] == 4
    assert [row.key for row in book.page("rejected", 0, 9)[0]] == [rows[1].key]
    assert all(row.made.findings for row in book.page("noticed", 0, 9)[0])
    with pytest.raises(BadRequest, match="not in the dataset any more"):
        book.find("nobody/0")


def test_applied_it_is_a_dataset_of_its_own(book: ReviewBook) -> None:
    rows = list(book.rows())
    before = {path.name: path.read_bytes() for path in book.dataset.iterdir()}
    book.add(rows[0], "reject", "dull")
    book.add(rows[1], "edit", system="You are gentle.", output="Perhaps.")
    book.add(rows[2], "accept")
    told = book.apply()
    assert told["review"] == {"accept": 1, "edit": 1, "reject": 1, "unreviewed": 3, "only_reviewed": False}
    assert told["rows"] == {"sft": 5, "pairs": 2, "bench": 5}
    sft = written(book)
    assert [row["output"] for row in sft[:1]] == ["Perhaps."]
    assert sft[0]["finish_reason"] == "stop"
    bench = {(row["instruction_id"], row["system"]): row["rubrics"] for row in written(book, "bench")}
    assert bench[rows[1].made.instruction_id, "You are gentle."]
    assert "You are gentle." not in str(before["sft.jsonl"])
    assert before == {path.name: path.read_bytes() for path in book.dataset.iterdir()}
    listed = json.loads((book.job / "reviewed/dataset.json").read_text())
    assert {"review.jsonl", "sft.parquet", "README.md", "quality.json"} <= listed["files"].keys()
    assert listed["rows"]["sft"] == 5


def test_only_what_was_read_can_be_kept(book: ReviewBook) -> None:
    rows = list(book.rows())
    with pytest.raises(BadRequest, match="No row is left"):
        book.apply(only_reviewed=True)
    assert not (book.job / "reviewed").exists()
    book.add(rows[3], "accept")
    assert book.apply(only_reviewed=True)["rows"]["sft"] == 1
    assert written(book)[0]["system"] == rows[3].made.system


def test_a_reviewed_dataset_opens_as_it_stands(book: ReviewBook) -> None:
    import datasets

    book.add(next(book.rows()), "reject", "dull")
    book.apply()
    loaded = datasets.load_dataset(str(book.job / "reviewed"), cache_dir=str(book.job / "cache"))
    assert loaded["train"].num_rows == 5
