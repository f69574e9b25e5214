"""Instructions to grow a dataset from, read a row at a time from JSONL, JSON, CSV, TSV, Parquet, text, or a list."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, Field

from data_gen.errors import BadRequest

PROMPT_COLUMNS = (
    "prompt",
    "instruction",
    "question",
    "query",
    "user_prompt",
    "turns",
    "messages",
    "conversation",
    "text",
)
_MAIN_SOURCE_COLUMNS = ("main_source", "source", "dataset")
_ORIGINAL_SOURCE_COLUMNS = ("original_source", "category", "task")
READABLE_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt")
_LONGEST_CSV_FIELD = 10_000_000

Row = Mapping[str, Any]


class Instruction(BaseModel):
    """What a user asks. The id is the file's own `instruction_id`, or made from the text."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    main_source: str | None = None
    original_source: str | None = None

    @property
    def sha256(self) -> str:
        """The text's checksum, from which all that is drawn for this instruction is derived."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Columns(BaseModel):
    """Which column holds what. None leaves one to its guess; an empty name says that there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_column: str | None = Field(
        None, min_length=1, description="Column that holds the instructions, if its name does not say so"
    )
    more_column: str | None = Field(
        None, description="Column of text that is put after the instruction, such as Alpaca's input; '' for none"
    )
    main_source_column: str | None = Field(
        None, description="Column that tells which dataset a row is from, if its name does not say so; '' for none"
    )
    original_source_column: str | None = Field(
        None, description="Column that tells which part or task of it, if its name does not say so; '' for none"
    )
    id_column: str | None = Field(
        None, description="Column of ids that name each instruction; without one they are made from the text"
    )


GUESSED = Columns()


def settled(columns: Columns, names: Sequence[str], file_name: str) -> Columns:
    """Guess by their names the columns that were left open; one that is not there becomes an empty name.

    Raises:
        BadRequest: a column that was named is not there, or none looks like an instruction
    """
    missing = next((one for one in columns.model_dump().values() if one and one not in names), None)
    if missing is not None:
        raise BadRequest(f"{file_name} has no column {missing}; it has {', '.join(names)}.")
    by_lower = {name.strip().casefold(): name for name in names}

    def first(*wanted: str) -> str:
        return next((by_lower[name] for name in wanted if name in by_lower), "")

    prompt = columns.prompt_column or first(*PROMPT_COLUMNS) or (names[0] if len(names) == 1 else None)
    if prompt is None:
        raise BadRequest(
            f"{file_name} has the columns {', '.join(names) or '(none)'}, and none is named like an instruction"
            f" ({', '.join(PROMPT_COLUMNS)}); say which one it is."
        )
    is_alpaca = columns.prompt_column is None and prompt.casefold() == "instruction"
    guessed = Columns(
        prompt_column=prompt,
        more_column=first("input") if is_alpaca else "",
        main_source_column=first(*_MAIN_SOURCE_COLUMNS),
        original_source_column=first(*_ORIGINAL_SOURCE_COLUMNS),
        id_column=first("instruction_id"),
    )
    return guessed.model_copy(update=columns.model_dump(exclude_none=True))


def read_instructions(path: Path, columns: Columns = GUESSED, source: str | None = None) -> Iterator[Instruction]:
    """Read a file's instructions in order; a row that is no row comes out with an empty text.

    `source` stands where no column tells a row's source; without it, the file's name does.

    Raises:
        BadRequest: the file is not there, cannot be read, or has not the columns that it should have
    """
    found: Columns | None = None
    for row in rows_of(path):
        if found is None and row:
            found = settled(columns, names_of(row), path.name)
        yield Instruction(id="", text="") if found is None else _instruction(row, found, source or _stem(path))


def from_texts(texts: Iterable[str], source: str = "paste") -> Iterator[Instruction]:
    """Take texts as they are, one instruction each."""
    columns = Columns(prompt_column="text")
    return (_instruction({"text": text}, columns, source) for text in texts)


def names_of(row: Row) -> list[str]:
    """List a row's columns; cells of a CSV file beyond its header have none."""
    return [name for name in row if isinstance(name, str)]


def rows_of(path: Path) -> Iterator[Row]:
    """Yield a file's rows; one that cannot be read is an empty row.

    Raises:
        BadRequest: the file is not there, or not what its name says
    """
    suffix = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).removesuffix(".gz").lower()
    try:
        if suffix == ".parquet":
            yield from _parquet_rows(path)
        elif suffix in READABLE_ENDINGS:
            with _open_text(path) as file:
                yield from _text_rows(file, suffix)
        else:
            raise BadRequest(
                f"{path.name} is of no form that can be read; use one of"
                f" {', '.join(READABLE_ENDINGS)}, each also as .gz except .parquet."
            )
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadRequest(f"{path} cannot be read ({reason}); check that the file is there and whole.") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path.name} is not UTF-8 text; save it as UTF-8.") from error
    except csv.Error as error:
        raise BadRequest(f"{path.name} is not a table of comma-separated values ({error}).") from error


def _stem(path: Path) -> str:
    return path.name.partition(".")[0] or path.name


def _instruction(row: Row, columns: Columns, default_source: str) -> Instruction:
    """Read one row; an empty text stays empty, for the cleaning to count."""

    def cell(column: str | None) -> str:
        return _text(row.get(column)) if column else ""

    text, more = cell(columns.prompt_column), cell(columns.more_column)
    text = f"{text}\n\n{more}" if text and more else text
    main_source = cell(columns.main_source_column)
    return Instruction(
        id=cell(columns.id_column) or hashlib.sha256(text.encode()).hexdigest()[:16],
        text=text,
        main_source=main_source or default_source,
        original_source=cell(columns.original_source_column) or main_source or default_source,
    )


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _text_rows(file: IO[str], suffix: str) -> Iterator[Row]:
    if suffix in (".csv", ".tsv"):
        csv.field_size_limit(_LONGEST_CSV_FIELD)
        yield from csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ",")
    elif suffix == ".txt":
        yield from ({"text": line} for line in file if line.strip())
    elif suffix == ".json":
        found = _json(file.read())
        if not isinstance(found, list):
            raise BadRequest(
                f"{Path(file.name).name} is not a JSON list of rows; a file of one row a line ends in .jsonl."
            )
        yield from (row if isinstance(row, dict) else {} for row in found)
    else:
        found_lines = (_json(line) for line in file if line.strip())
        yield from (row if isinstance(row, dict) else {} for row in found_lines)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None


def _parquet_rows(path: Path) -> Iterator[Row]:
    # Imported here: it costs a tenth of a second, and most files are text.
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise BadRequest(f"{path.name} is not a whole Parquet file ({str(error).splitlines()[0]}).") from error


def _text(value: Any) -> str:
    """Return a cell as text: of a conversation, what the user says first."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().strip()  # JSON can hold halves of characters; files cannot
    if isinstance(value, list):
        for turn in value:
            if isinstance(turn, dict) and turn.get("role", turn.get("from")) not in ("user", "human"):
                continue
            return _text(turn.get("content", turn.get("value"))) if isinstance(turn, dict) else _text(turn)
        return ""
    return "" if value is None or isinstance(value, dict) else str(value)
