"""A dataset folder in canonical order: the same rows always give the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel

from data_gen.augment import Grown
from data_gen.collection_card import card
from data_gen.columns import TABLES, Table, arrow_schema
from data_gen.contrast import PairRule, pairs_of, sibling_groups
from data_gen.records import BenchRecord, GrownRecord, Quarantined, as_columns

FORMAT = "janus-space/dataset/1"
_ROWS_A_GROUP = 1000


@dataclass
class Counts:
    """What a folder holds, gathered while it is written."""

    rows: dict[Table, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    sources: Counter[str] = field(default_factory=Counter)
    finish_reasons: Counter[str] = field(default_factory=Counter)
    rows_with_findings: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)


def write_tables(
    folder: Path,
    grown: Iterable[Grown],
    quarantined: Iterable[Quarantined],
    pairs: PairRule,
    seed: int,
    has_bench: bool,
) -> Counts:
    """Write the data files of a folder from rows in canonical order, a few rows in memory at a time."""
    counts = Counts()
    with ExitStack() as files:
        tables = ["sft", *(["pairs"] if pairs != "none" else []), *(["bench"] if has_bench else [])]
        open_tables = {name: files.enter_context(TableFiles(folder, name)) for name in TABLES if name in tables}

        def written() -> Iterator[GrownRecord]:
            for one in grown:
                _count(counts, one.record)
                open_tables["sft"].add(one.record)
                if has_bench:
                    open_tables["bench"].add(_bench(one))
                yield one.record

        for siblings in sibling_groups(written()):
            for pair in pairs_of(siblings, pairs, seed):
                open_tables["pairs"].add(pair)
        quarantine = files.enter_context((folder / "quarantine.jsonl").open("w", encoding="utf-8"))
        for row in quarantined:
            counts.quarantined[f"{row.level}: {row.kind}"] += 1
            quarantine.write(_line(as_columns(row)))
    counts.rows = {name: table.rows for name, table in open_tables.items()}
    return counts


def describe(folder: Path, counts: Counts, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write README.md and, last, dataset.json with the checksum of every other file; return what it says."""
    told: dict[str, Any] = {
        "format": FORMAT,
        "rows": counts.rows,
        "quarantined": sum(counts.quarantined.values()),
        "quarantined_by_reason": dict(sorted(counts.quarantined.items())),
        "rows_with_findings": counts.rows_with_findings,
        "main_sources": dict(sorted(counts.sources.items())),
        "finish_reasons": dict(sorted(counts.finish_reasons.items())),
        **facts,
    }
    (folder / "README.md").write_text(card(list(counts.rows), told), "utf-8")
    told["files"] = {path.name: _checked(path) for path in sorted(folder.iterdir())}
    (folder / "dataset.json").write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return told


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder beside `folder`, and put it in its place only when it is whole."""
    for left_by_a_kill in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left_by_a_kill, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    unfinished.chmod(0o755)  # made for one user only, but a dataset is there to be shared
    try:
        yield unfinished
        for path in unfinished.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class TableFiles:
    """One table as JSON lines and as Parquet, written side by side."""

    def __init__(self, folder: Path, table: Table) -> None:
        # Imported here: it costs a tenth of a second that --help should not.
        import pyarrow.parquet

        self.rows = 0
        self._schema = arrow_schema(table)
        self._waiting: list[dict[str, Any]] = []
        self._lines = (folder / f"{table}.jsonl").open("w", encoding="utf-8", newline="\n")
        self._parquet = pyarrow.parquet.ParquetWriter(folder / f"{table}.parquet", self._schema)

    def __enter__(self) -> TableFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lines, self._parquet:
            if kind is None:
                self._flush()

    def add(self, row: BaseModel) -> None:
        columns = as_columns(row)
        self._lines.write(_line(columns))
        self._waiting.append(columns)
        self.rows += 1
        if len(self._waiting) == _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        self._parquet.write_table(pyarrow.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting.clear()


def _count(counts: Counts, record: GrownRecord) -> None:
    counts.sources[record.main_source or ""] += 1
    counts.finish_reasons[record.finish_reason] += 1
    counts.rows_with_findings += bool(record.findings)


def _bench(grown: Grown) -> BenchRecord:
    record = grown.record
    return BenchRecord(
        instruction_id=record.instruction_id,
        source=record.original_source,
        preference_set=record.preference_set,
        system=record.system,
        prompt=record.prompt,
        reference_answer=record.output,
        rubrics=grown.rubrics,
    )


def _line(columns: Mapping[str, Any]) -> str:
    return json.dumps(columns, ensure_ascii=False) + "\n"


def _checked(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
