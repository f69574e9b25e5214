"""The instructions of an augment job as the page takes them, looked through before anything is paid."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data_gen.cleaning import CleaningReport, CleaningRules, Noticed, clean
from data_gen.errors import BadRequest
from data_gen.instructions import GUESSED, Columns, Instruction, names_of, read_instructions, rows_of, settled
from janus_space.jobs import slug

FILE_TYPES = [".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".gz"]
PASTE_NAME = "paste.txt"
MOST_LOOKED_AT = 20_000
"""Rows that are looked through on the page; the job itself looks at all of them."""
MOST_SHOWN = 3


class Look(NamedTuple):
    """What was found in the instructions before the job is started; of a file, the first ones as they are read."""

    report: CleaningReport
    examples: list[Noticed]
    first: list[Instruction]
    is_whole: bool


@dataclass(frozen=True)
class Given:
    """What a person gave: a text with one instruction a line, a file, or a dataset on the Hub."""

    paste: str = ""
    file: Path | None = None
    hub: str = ""
    columns: Columns = GUESSED

    @property
    def is_empty(self) -> bool:
        return not (self.paste.strip() or self.file or self.hub)

    @property
    def name(self) -> str:
        """Return what the job reads; a person's own file name is only a hint for it."""
        if self.hub:
            return self.hub
        if self.file is None:
            return PASTE_NAME
        suffixes = "".join(re.findall(r"\.(?:jsonl|ndjson|json|csv|tsv|parquet|txt|gz)", self.file.name.lower())[-2:])
        return f"{slug(self.file.name.partition('.')[0]) or 'instructions'}{suffixes}"

    def kept_in(self, folder: Path) -> str:
        """Put it where the job can read it at any time; return the request's `instructions`."""
        return self.hub or str(self._written_to(folder))

    def _written_to(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        if self.file is None:
            (folder / self.name).write_text(self.paste.strip() + "\n", "utf-8")
        else:
            shutil.copyfile(self.file, folder / self.name)
        return folder / self.name

    def check(self) -> None:
        """Raise `BadRequest` where there is nothing to work on."""
        if self.is_empty:
            raise BadRequest("There are no instructions yet: paste some, choose a file, or name a dataset on the Hub.")

    def look(self, rules: CleaningRules) -> Look:
        """Look through a paste or a file, as the job will; raise `BadRequest` for what cannot be read."""
        self.check()
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            path = self._written_to(folder) if self.file is None else self.file
            found = read_instructions(path, self.columns)
            report = clean(
                itertools.islice(found, MOST_LOOKED_AT), rules, folder / "kept.jsonl", folder / "reasons.jsonl"
            )
            is_whole = next(found, None) is None
            with (folder / "reasons.jsonl").open(encoding="utf-8") as reasons:
                examples = [Noticed.model_validate_json(line) for line in itertools.islice(reasons, MOST_SHOWN)]
            first = [] if self.file is None else list(_first_ones(path, self.columns))
            return Look(report, examples, first, is_whole)


class ColumnChoice(NamedTuple):
    """The columns of a file, and which of them probably holds what."""

    names: list[str]
    guess: Columns


def columns_of(file: Path) -> ColumnChoice:
    """Read a file's columns; raise `BadRequest` for a file that cannot be read or is empty."""
    row = next((one for one in itertools.islice(rows_of(file), 100) if one), None)
    if row is None:
        raise BadRequest(f"{file.name} has no row that can be read; use one of {', '.join(FILE_TYPES)}.")
    names = names_of(row)
    try:
        return ColumnChoice(names, settled(GUESSED, names, file.name))
    except BadRequest:  # a person has to say what the instructions are; the other guesses do not hang on it
        others = settled(Columns(prompt_column=names[0]), names, file.name)
        return ColumnChoice(names, others.model_copy(update={"prompt_column": None}))


def _first_ones(path: Path, columns: Columns) -> Iterator[Instruction]:
    found = (one for one in itertools.islice(read_instructions(path, columns), 50) if one.text)
    return itertools.islice(found, 3)
