"""Read one JSON document that somebody may have written by hand; what is wrong with it is told in one sentence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from data_gen.errors import BadRequest

Document = TypeVar("Document", bound=BaseModel)


def parse(data: bytes, name: str, form: type[Document], max_bytes: int) -> Document:
    """Check a file's bytes against its form; raise `BadRequest` with the file's name and the place."""
    if len(data) > max_bytes:
        raise BadRequest(f"{name} is larger than {max_bytes // 1000:,} kB; split it into several files.")
    try:
        return form.model_validate(json.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise BadRequest(f"{name} is not UTF-8 text; save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise BadRequest(f"{name} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise BadRequest(f"{name} is nested too deeply; it is not a file of this form.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(f"{name}, {_place(first['loc'])}: {first['msg'].removeprefix('Value error, ')}.") from error


def _place(location: Sequence[Any]) -> str:
    """Say where it is, as people count: `preferences 3, full 1`."""
    steps: list[str] = []
    for step in location:
        if isinstance(step, int) and steps:
            steps[-1] += f" {step + 1}"
        else:
            steps.append(str(step))
    return ", ".join(steps) or "the whole file"
