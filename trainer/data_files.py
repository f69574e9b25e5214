"""Rows of a dataset as they lie on disk or on the Hub, each with the place that names it to a person."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trainer.config import PAIRED, DataOptions, Method
from trainer.errors import BadDataset
from trainer.model_spec import local_folder, parse_repository

_TABLES = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"}
_HUB = "hf:"
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?")


class RawRow(NamedTuple):
    """A row and where it stands. `fault` says why `values` could not be read at all."""

    place: str
    values: dict[str, Any]
    fault: str | None = None


def raw_rows(dataset: str, method: Method, options: DataOptions) -> Iterator[RawRow]:
    """Yield the rows of a dataset folder, a file, or a dataset of the Hub.

    Raises:
        BadDataset: there is none, or it cannot be read
    """
    path = local_folder(dataset)
    looks_like_hub = _HUB_NAME.fullmatch(dataset) and path.suffix not in _TABLES and not path.exists()
    if dataset.startswith(_HUB) or looks_like_hub:
        return _hub_rows(dataset.removeprefix(_HUB), options)
    file = table_of(path, method) if path.is_dir() else path
    if not file.is_file():
        raise BadDataset(f"There is no dataset {dataset}: name a folder, a file, or hf:org/name.")
    if file.suffix not in _TABLES:
        raise BadDataset(f"{file.name} is no dataset: name a {', '.join(sorted(_TABLES))} file or a dataset folder.")
    readers = {".csv": _csv_rows, ".tsv": _csv_rows, ".parquet": _parquet_rows, ".json": _json_rows}
    return readers.get(file.suffix, _jsonl_rows)(file)


def table_of(folder: Path, method: Method) -> Path:
    """Find the table that a method trains on in a dataset folder; Parquet and JSON lines hold the same rows."""
    name = "pairs" if method in PAIRED else "sft"
    # JSON lines first: their row numbers are the line numbers of a file that a person can open.
    names = [f"{stem}{suffix}" for stem in (name, "train") for suffix in (".jsonl", ".parquet")]
    found = next((folder / one for one in names if (folder / one).is_file()), None)
    if found is not None:
        return found
    tables = sorted(path for path in folder.iterdir() if path.suffix in _TABLES and path.name != "dataset.json")
    if len(tables) != 1:
        raise BadDataset(
            f"{folder} holds {len(tables)} tables and none is called {names[0]}, which {method} trains on:"
            " name the file itself."
        )
    return tables[0]


def _jsonl_rows(file: Path) -> Iterator[RawRow]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            place = f"Row {number} of {file.name}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text.strip():
                    continue
                values = json.loads(text)
            except UnicodeDecodeError:
                yield RawRow(place, {}, "is not UTF-8 text")
            except (ValueError, RecursionError) as error:
                yield RawRow(place, {}, f"is not valid JSON ({str(error)[:80]})")
            else:
                yield _object(place, values)


def _json_rows(file: Path) -> Iterator[RawRow]:
    try:
        rows = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadDataset(f"{file.name} is not valid JSON ({str(error)[:80]}): write a list of rows.") from error
    if not isinstance(rows, list):
        raise BadDataset(f"{file.name} does not hold a list of rows.")
    for number, values in enumerate(rows, 1):
        yield _object(f"Row {number} of {file.name}", values)


def _object(place: str, values: Any) -> RawRow:
    if isinstance(values, dict):
        return RawRow(place, values)
    return RawRow(place, {}, f"is a {type(values).__name__}, not an object with columns")


def _csv_rows(file: Path) -> Iterator[RawRow]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with file.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as text:
        rows = csv.DictReader(text, delimiter="\t" if file.suffix == ".tsv" else ",", restkey="")
        for number, values in enumerate(rows, 1):
            place = f"Row {number} of {file.name}"
            if "" in values and isinstance(values[""], list):
                yield RawRow(place, {}, "has more cells than there are columns")
            else:
                yield RawRow(place, dict(values))


def _parquet_rows(file: Path) -> Iterator[RawRow]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        number = 0
        for batch in table.iter_batches(batch_size=1000):
            for values in batch.to_pylist():
                number += 1
                yield RawRow(f"Row {number} of {file.name}", values)
    except pyarrow.ArrowInvalid as error:
        raise BadDataset(f"{file.name} is not a Parquet file ({str(error)[:80]}).") from error


def _hub_rows(name: str, options: DataOptions) -> Iterator[RawRow]:
    import datasets

    repository, revision = parse_repository(name)
    try:
        rows = datasets.load_dataset(repository, options.dataset_config, split=options.dataset_split, revision=revision)
    except Exception as error:  # the client lets errors of several libraries through
        raise BadDataset(
            f"The dataset {repository} cannot be fetched ({str(error).strip().splitlines()[0][:150]}):"
            " check its name, its split and the connection."
        ) from error
    for number, values in enumerate(rows, 1):
        yield RawRow(f"Row {number} of {repository}", dict(values))
