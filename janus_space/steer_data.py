"""SFT records, read for steerability: the answers of each instruction beside one another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from data_gen.errors import BadRequest
from trainer.steerability import Example, by_instruction

MAX_ANSWERS = 16
"""Of one instruction: their scores grow with the square of it."""

_Text = Annotated[str, StringConstraints(pattern=r"\S")]


class SteerData(NamedTuple):
    """The answers by instruction, at least two each, and how many had no second one to be told from."""

    instructions: list[list[Example]]
    left_out: int


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    system: _Text
    prompt: _Text
    output: _Text
    instruction_id: str | None = None


def read(file: Path, limit: int | None = None) -> SteerData:
    """Read records {system, prompt, output, instruction_id?, …}, one JSON object a line; `limit` counts instructions.

    Raises:
        BadRequest: the file cannot be read, a record is not whole, or no instruction has two answers
    """
    if not file.is_file():
        raise BadRequest(f"There is no file {file}: name a JSONL file of SFT records.")
    try:
        examples = list(_examples(file))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read ({error}): give a text file in UTF-8.") from error
    return _grouped(examples, str(file), limit)


def of_records(records: Sequence[Mapping[str, Any]], limit: int | None = None) -> SteerData:
    """Take the records themselves; what is wrong with them is refused as in `read`."""
    examples = [_checked(record, f"record {number}") for number, record in enumerate(records, 1)]
    return _grouped(examples, "the records", limit)


def _grouped(examples: Sequence[Example], where: str, limit: int | None) -> SteerData:
    groups = [group for group in by_instruction(examples) if len(group) > 1]
    if not groups:
        raise BadRequest(
            f"{where}: no instruction has two answers to compare; rows of one instruction have the same instruction_id"
            " or, without one, the same prompt."
        )
    largest = max(groups, key=len)
    if len(largest) > MAX_ANSWERS:
        raise BadRequest(
            f"{where}: {name(largest)} has {len(largest)} answers, and at most {MAX_ANSWERS} can be compared;"
            " leave some out, or tell its instructions apart with instruction_id."
        )
    return SteerData(groups[:limit], len(examples) - sum(map(len, groups)))


def name(group: Sequence[Example]) -> str:
    """Name an instruction for people."""
    return f"instruction {group[0].instruction_id or group[0].prompt[:60]!r}"


def _examples(file: Path) -> Iterator[Example]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _example(line, f"{file}, line {number}")


def _example(line: str, where: str) -> Example:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest(f"{where} is not a JSON object: write one record a line.") from None
    return _checked(fields, where)


def _checked(fields: object, where: str) -> Example:
    try:
        record = _Record.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(f"{where}: {_complaint(first)}") from None
    return Example(record.system, record.prompt, record.output, record.instruction_id)


def _complaint(error: Any) -> str:
    field = ".".join(map(str, error["loc"]))
    if not field:
        return "it is not a JSON object: write one record a line."
    if error["type"] == "missing":
        return f"there is no {field!r}; every record needs system, prompt and output."
    if error["type"] == "string_pattern_mismatch":
        return f"{field!r} is empty; every record needs system, prompt and output."
    return f"{field!r} is not a text."
