"""Stored judgements of models against one baseline: the file that `bench alpaca --annotations` reads.

{"MODEL": {"rows": [[instruction, preference, characters of the baseline, characters of the model], …]}, …} as JSON,
plain or gzipped. The preference is 1 where the baseline wins, 2 where the model wins, anything between where the judge
was unsure, 1.5 or 0 for a draw, and null where it said nothing. Whatever else a model's entry holds is not looked at.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.errors import BadRequest
from janus_space.benchmarks.length_control import Judgements

MAX_INSTRUCTIONS = 100_000


def read_annotations(path: Path) -> list[Judgements]:
    """Read the judgements of each model, in the order of the file.

    Raises:
        BadRequest: it is no such file; the sentence names the first row at fault
    """
    models = _parsed(path)
    if not isinstance(models, dict) or not models:
        raise BadRequest(f'{path.name} holds no models: it should be {{"MODEL": {{"rows": […]}}, …}}.')
    return [_judgements(path.name, model, entry) for model, entry in models.items()]


def _parsed(path: Path) -> Any:
    try:
        raw = path.read_bytes()
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        return json.loads(text)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, zlib.error) as error:
        raise BadRequest(f"{path.name} is not JSON, plain or gzipped: {error}.") from error


def _judgements(file: str, model: str, entry: Any) -> Judgements:
    rows = entry.get("rows") if isinstance(entry, dict) else None
    if not isinstance(rows, list):
        raise BadRequest(f'{file}, {model}: there are no "rows".')
    judged: dict[int, tuple[float, float, float]] = {}
    for number, row in enumerate(rows, 1):
        where = f"{file}, {model}, row {number}"
        instruction, preference, baseline, own = _checked(row, where)
        if instruction in judged:
            raise BadRequest(f"{where}: instruction {instruction} is judged twice.")
        if preference is not None:
            judged[instruction] = (preference, baseline, own)
    if not judged:
        raise BadRequest(f"{file}, {model}: none of its {len(rows)} rows holds a preference.")
    order = sorted(judged)
    won, baseline_chars, model_chars = np.array([judged[instruction] for instruction in order], dtype=float).T
    return Judgements(model, np.array(order), won, baseline_chars, model_chars)


def _checked(row: Any, where: str) -> tuple[int, float | None, float, float]:
    """Return instruction, preference from 0 to 1, and both lengths."""
    if not isinstance(row, list) or len(row) != 4:
        raise BadRequest(f"{where}: it should be [instruction, preference, baseline's characters, model's characters].")
    instruction, preference, baseline, own = row
    if type(instruction) is not int or not 0 <= instruction < MAX_INSTRUCTIONS:
        raise BadRequest(f"{where}: the instruction should be a whole number from 0 on, not {instruction!r}.")
    if not all(_is_number(length) and length >= 0 for length in (baseline, own)):
        raise BadRequest(f"{where}: the lengths should be numbers of characters.")
    if preference is None:
        return instruction, None, baseline, own
    if not _is_number(preference) or not (preference == 0 or 1 <= preference <= 2):
        raise BadRequest(f"{where}: the preference should be from 1 to 2, 0 for a draw, or null, not {preference!r}.")
    return instruction, 0.5 if preference == 0 else preference - 1, baseline, own


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and np.isfinite(value)
