"""Pairs out of a collection that is written already: its rows in, pairs to train on out, and nothing is asked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from data_gen.contrast import PairRule, pairs_of, sibling_groups
from data_gen.errors import BadRequest
from data_gen.records import SftRecord, SiblingRecord, as_columns
from data_gen.whole_file import whole_file


def write_pairs(collection: Path, out: Path, rule: PairRule, seed: int) -> int:
    """Pair the answers of each instruction of a JSONL file of SFT records; return how many pairs were written.

    Rows of one instruction are found wherever they stand, by `instruction_id` or, without one, by their prompt.

    Raises:
        BadRequest: the file cannot be read, a row is not whole, or no instruction has two answers to pair
        OSError: `out` cannot be written
    """
    groups = sibling_groups(_siblings(_read(collection)))
    pairs = itertools.chain.from_iterable(pairs_of(group, rule, seed) for group in groups)
    count = 0
    with whole_file(out) as file:
        for pair in pairs:
            count += 1
            file.write(json.dumps(as_columns(pair), ensure_ascii=False) + "\n")
        if not count:
            raise BadRequest(f"{collection}: no instruction has two answers that differ, so there is nothing to pair.")
    return count


def _read(collection: Path) -> list[SftRecord]:
    found = []
    try:
        with collection.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    found.append(_record(line, f"{collection}, line {number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{collection} cannot be read ({error}): name a JSONL file of SFT records.") from error
    return found


def _record(line: str, where: str) -> SftRecord:
    try:
        return SftRecord.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadRequest(f"{where}{f', {place}' if place else ''}: {first['msg']}.") from error


def _siblings(records: Iterable[SftRecord]) -> Iterator[SiblingRecord]:
    """Bring the rows of each instruction together, and number them in their order."""
    groups: dict[str, list[SftRecord]] = {}
    for record in records:
        groups.setdefault(record.instruction_id or record.prompt, []).append(record)
    for name, group in groups.items():
        for index, record in enumerate(group):
            yield SiblingRecord.model_validate(dict(record) | {"set_index": index, "instruction_id": name})
