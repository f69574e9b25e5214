"""What people say of a dataset's rows: accept, edit, or reject with a reason, kept beside it and applied to a copy.

`review.jsonl` is only ever added to; of several reviews of one row the last one counts. A review names the text that
it is about, so that one of a row which has since been made anew counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from data_gen.asking import Answer
from data_gen.augment import Grown
from data_gen.errors import BadRequest
from data_gen.export import describe, new_folder, write_tables
from data_gen.findings import findings_of
from data_gen.hierarchy import Hierarchy
from data_gen.job import BUILT_IN_HIERARCHY
from data_gen.quality import report_on
from data_gen.quality_page import as_markdown
from data_gen.records import BenchRecord, GrownRecord, Quarantined
from janus_space.augment_order import AugmentJob
from trainer.storage import writing_to

Decision = Literal["accept", "edit", "reject"]
Which = Literal["open", "all", "noticed", "rejected"]

_COUNTED_ANEW = (
    *("format", "rows", "quarantined", "quarantined_by_reason", "rows_with_findings", "main_sources"),
    *("finish_reasons", "files"),
)


class Review(BaseModel):
    """One person's word on one row; `system` and `output` are there where they were edited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: str
    row: str
    of: str
    decision: Decision
    reason: str = ""
    system: str | None = None
    output: str | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> Review:
        if self.decision == "reject" and not self.reason.strip():
            raise ValueError("say why this row is rejected: the reason is kept with it")
        if self.decision == "edit" and not ((self.system or "").strip() and (self.output or "").strip()):
            raise ValueError("neither the system message nor the answer may be empty: reject the row instead")
        return self


@dataclass(frozen=True)
class ReviewedRow:
    """A row as it stands after its review; `made` is how it came."""

    key: str
    made: GrownRecord
    review: Review | None

    @property
    def record(self) -> GrownRecord:
        review = self.review
        if review is None or review.decision != "edit" or review.system is None or review.output is None:
            return self.made
        answer = Answer(review.output, "stop", 0, 0)
        findings = tuple(findings_of(self.made.preference_set, review.system, self.made.prompt, answer))
        return self.made.model_copy(
            update={"system": review.system, "output": review.output, "finish_reason": "stop", "findings": findings}
        )

    def is_among(self, which: Which) -> bool:
        """Tell whether this row belongs to what somebody wants to see."""
        if which == "open":
            return self.review is None
        if which == "rejected":
            return self.review is not None and self.review.decision == "reject"
        return which == "all" or bool(self.made.findings)


@dataclass(frozen=True)
class ReviewBook:
    """The reviews of one job's dataset."""

    job: Path

    @property
    def dataset(self) -> Path:
        return self.job / "dataset"

    @property
    def file(self) -> Path:
        return self.job / "review.jsonl"

    def add(self, row: ReviewedRow, decision: Decision, reason: str = "", **edited: str) -> Review:
        """Keep a review, on disk before this returns; raise `BadRequest` for one that does not say enough."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            review = Review(
                time=now, row=row.key, of=digest(row.made), decision=decision, reason=reason.strip(), **edited
            )
        except ValidationError as error:
            told = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise BadRequest(f"{told[0].upper()}{told[1:]}.") from error
        with writing_to(self.job, "JANUS_HOME"), FileLock(f"{self.file}.lock"), self.file.open("a+b") as file:
            # A line torn by a kill stays alone on its line.
            torn = file.tell() > 0 and _last_byte(file) != b"\n"
            file.write((b"\n" if torn else b"") + review.model_dump_json(exclude_none=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return review

    def latest(self) -> dict[str, Review]:
        """Return the last review of each row."""
        found: dict[str, Review] = {}
        if self.file.exists():
            for line in self.file.read_text("utf-8", "replace").splitlines():
                try:
                    review = Review.model_validate_json(line)
                except ValidationError:
                    continue  # torn by a kill
                found[review.row] = review
        return found

    def rows(self) -> Iterator[ReviewedRow]:
        """Yield the dataset's rows with what was said of them."""
        reviews = self.latest()
        with (self.dataset / "sft.jsonl").open(encoding="utf-8") as file:
            for line in file:
                made = GrownRecord.model_validate_json(line)
                review = reviews.get(key := key_of(made))
                yield ReviewedRow(key, made, review if review is not None and review.of == digest(made) else None)

    def page(self, which: Which, start: int, count: int) -> tuple[list[ReviewedRow], int]:
        """Return some of the rows that are wanted, and how many of these there are."""
        shown, total = [], 0
        for row in self.rows():
            if row.is_among(which):
                if start <= total < start + count:
                    shown.append(row)
                total += 1
        return shown, total

    def find(self, key: str) -> ReviewedRow:
        """Find a row by its key; raise `BadRequest` where it is not there any more."""
        for row in self.rows():
            if row.key == key:
                return row
        raise BadRequest("This row is not in the dataset any more: reload the page.")

    def apply(self, only_reviewed: bool = False) -> dict[str, Any]:
        """Write the dataset as it stands after review to `reviewed` beside it; return what its dataset.json says.

        Raises:
            BadRequest: nothing is left of it
            StorageFailed: the disk is full or read-only
        """
        told = json.loads((self.dataset / "dataset.json").read_text("utf-8"))
        request = AugmentJob.model_validate_json((self.job / "request.json").read_text("utf-8"))
        hierarchy = Hierarchy.load([BUILT_IN_HIERARCHY, *request.hierarchy])
        counts = dict.fromkeys(("accept", "edit", "reject", "unreviewed"), 0)
        with writing_to(self.job, "JANUS_HOME"), new_folder(self.job / "reviewed") as folder:
            tables = write_tables(
                folder,
                self._kept(only_reviewed, counts),
                self._quarantined(),
                told["pair_rule"],
                told["seed"],
                has_bench=(self.dataset / "bench.jsonl").exists(),
            )
            if not tables.rows["sft"]:
                raise BadRequest("No row is left of this dataset: accept some first.")
            records = (row.record for row in self.rows() if _is_kept(row, only_reviewed))
            report = report_on(records, hierarchy, [path for path in request.against if path.exists()])
            (folder / "quality.json").write_text(report.model_dump_json(indent=2) + "\n", "utf-8")
            (folder / "quality.md").write_text(as_markdown(report), "utf-8")
            for source in (self.dataset / "left_out.jsonl", self.file):
                if source.exists():
                    shutil.copyfile(source, folder / source.name)
            facts = {name: value for name, value in told.items() if name not in _COUNTED_ANEW}
            return describe(folder, tables, facts | {"review": counts | {"only_reviewed": only_reviewed}})

    def as_it_stands(self) -> Path:
        """Return the dataset as it was made or, once a row was reviewed, a copy to which the reviews are applied.

        Raises:
            BadRequest, StorageFailed: as `apply` does
        """
        if not self.latest():
            return self.dataset
        self.apply()
        return self.job / "reviewed"

    def _kept(self, only_reviewed: bool, counts: dict[str, int]) -> Iterator[Grown]:
        bench = self.dataset / "bench.jsonl"
        rubrics = _bench_rows(bench) if bench.exists() else None
        for row in self.rows():
            written_for = next(rubrics).rubrics if rubrics is not None else ()
            counts[row.review.decision if row.review else "unreviewed"] += 1
            if _is_kept(row, only_reviewed):
                yield Grown(row.record, written_for)

    def _quarantined(self) -> Iterator[Quarantined]:
        with (self.dataset / "quarantine.jsonl").open(encoding="utf-8") as file:
            yield from (Quarantined.model_validate_json(line) for line in file)


def key_of(record: GrownRecord) -> str:
    """Name a row by its instruction and the number of its preference set."""
    return f"{record.instruction_id}/{record.set_index}"


def digest(record: GrownRecord) -> str:
    """Return a checksum of what a person reads of a row."""
    told = "\x00".join((record.prompt, record.system, record.output))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _is_kept(row: ReviewedRow, only_reviewed: bool) -> bool:
    return row.review.decision != "reject" if row.review is not None else not only_reviewed


def _bench_rows(path: Path) -> Iterator[BenchRecord]:
    with path.open(encoding="utf-8") as file:
        yield from (BenchRecord.model_validate_json(line) for line in file)


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last
