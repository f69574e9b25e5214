"""From the outcomes of a run, in whatever order they came, to its dataset folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from data_gen.augment import Grown
from data_gen.export import describe, new_folder, write_tables
from data_gen.hierarchy import Hierarchy
from data_gen.job_request import AugmentRequest
from data_gen.quality import report_on
from data_gen.quality_page import as_markdown
from data_gen.records import GrownRecord, Quarantined, Rubric, as_columns
from data_gen.safety import WORD_LIST, Scorer
from data_gen.spool import Spool


class Rows:
    """The rows of a run, on disk until all have come."""

    def __init__(self, folder: Path) -> None:
        self._grown, self._quarantined = Spool(folder / ".rows"), Spool(folder / ".quarantined")

    def __enter__(self) -> Rows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._grown, self._quarantined:
            pass

    def add(self, number: int, outcome: Grown | Quarantined) -> None:
        """Keep an outcome under its number in canonical order."""
        if isinstance(outcome, Quarantined):
            self._quarantined.add(number, outcome.model_dump_json())
            return
        rubrics = [as_columns(rubric) for rubric in outcome.rubrics]
        self._grown.add(number, json.dumps({"record": as_columns(outcome.record), "rubrics": rubrics}))

    def grown(self) -> Iterator[Grown]:
        """Yield the rows that were made, in canonical order."""
        for line in self._grown:
            found = json.loads(line)
            rubrics = tuple(Rubric.model_validate(rubric) for rubric in found["rubrics"])
            yield Grown(GrownRecord.model_validate(found["record"]), rubrics)

    def quarantined(self) -> Iterator[Quarantined]:
        """Yield the rows that could not be made, in canonical order."""
        return (Quarantined.model_validate_json(line) for line in self._quarantined)


def write_dataset(
    job: Path,
    rows: Rows,
    request: AugmentRequest,
    hierarchy: Hierarchy,
    facts: Mapping[str, Any],
    scorer: Scorer = WORD_LIST,
) -> dict[str, Any]:
    """Write `<job>/dataset`, whole or not at all; return what its dataset.json says."""
    with new_folder(job / "dataset") as folder:
        counts = write_tables(
            folder, rows.grown(), rows.quarantined(), request.pairs, request.seed, has_bench=request.rubrics
        )
        report = report_on((one.record for one in rows.grown()), hierarchy, request.against, scorer)
        (folder / "quality.json").write_text(report.model_dump_json(indent=2) + "\n", "utf-8")
        (folder / "quality.md").write_text(as_markdown(report), "utf-8")
        shutil.copyfile(job / "left_out.jsonl", folder / "left_out.jsonl")
        return describe(folder, counts, {**facts, "safety_scorer": report.safety_scorer})
