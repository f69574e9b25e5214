"""The questions of a benchmark, from a file or the Hub, and the sample of them that is asked."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from data_gen.errors import BadRequest
from data_gen.instructions import rows_of
from data_gen.source import find_source
from janus_space.bench_order import BenchJob

Row = TypeVar("Row", bound=BaseModel)
Item = TypeVar("Item")


@dataclass(frozen=True)
class DataName:
    """Which data it was: under which name it is cited, and the checksum of its files."""

    name: str
    sha256: str

    def as_facts(self) -> dict[str, str]:
        return {"data": self.name, "data_sha256": self.sha256}


def read_rows(data: str, form: type[Row], folder: Path) -> tuple[list[Row], DataName]:
    """Read every row of a file, or of a dataset on the Hub at the commit that `folder` has seen first.

    Raises:
        BadRequest: there is no such data, or a row is not of this form; the sentence names the first
    """
    source = find_source(Path(data), folder)
    rows = [
        _checked(values, form, f"row {number} of {path.name}")
        for path in source.files
        for number, values in enumerate(rows_of(path), 1)
    ]
    if not rows:
        raise BadRequest(f"{data} holds no rows.")
    return rows, DataName(source.name, source.sha256())


def drawn(order: BenchJob, form: type[Row], name: Callable[[Row], str], folder: Path) -> tuple[list[Row], DataName]:
    """Read the questions that an order names, and draw its sample of them.

    Raises:
        BadRequest: as `read_rows`
    """
    assert order.data is not None, "the benchmark's check must have refused an order without questions"
    rows, data = read_rows(order.data, form, folder)
    return sample(rows, name, order.limit, order.seed), data


def sample(items: Sequence[Item], group: Callable[[Item], Hashable], limit: int | None, seed: int) -> list[Item]:
    """Draw so many groups, and keep all items of each, in their order."""
    groups = list(dict.fromkeys(map(group, items)))
    if limit is None or limit >= len(groups):
        return list(items)
    chosen = set(random.Random(seed).sample(groups, limit))
    return [item for item in items if group(item) in chosen]


def seed_of(seed: int, key: str) -> int:
    """Derive the seed of one question, so that it does not depend on which others are asked."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode("utf-8", "replace")).digest()[:4]) >> 1


def _checked(values: Mapping[str, Any], form: type[Row], where: str) -> Row:
    try:
        return form.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        what = first["msg"].removeprefix("Value error, ").rstrip(".").lower()
        raise BadRequest(f"{where[0].upper()}{where[1:]}, {field or 'as a whole'}: {what}.") from error
