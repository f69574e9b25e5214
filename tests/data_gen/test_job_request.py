from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_gen.errors import BadRequest
from data_gen.job_request import AugmentRequest

GOOD: dict[str, Any] = {"instructions": "asked.jsonl", "teacher": ["openai:m"]}


def test_paths_mean_the_same_from_any_folder() -> None:
    request = AugmentRequest.read(**GOOD, against=["bench.jsonl"])
    assert request.instructions == Path("asked.jsonl").absolute()
    on_hub = AugmentRequest.read(**GOOD | {"instructions": "hub:org/name@main:data/*.parquet"})
    assert str(on_hub.instructions) == "hub:org/name@main:data/*.parquet"
    assert request.against == (Path("bench.jsonl").absolute(),)
    assert request.prompts is None
    assert AugmentRequest.read(**request.model_dump(mode="json")) == request


def test_several_endpoints_of_one_model_can_be_named_in_one_spec() -> None:
    one, other = "openai:a,b@http://127.0.0.1:1/v1", "openai:a,b@http://127.0.0.1:2/v1"
    together = AugmentRequest.read(**GOOD | {"teacher": [f"{one},http://127.0.0.1:2/v1", "openai:m"]})
    assert together.teacher == (one, other, "openai:m")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"budget_usd": "1"}, "a budget of 1 USD needs the teacher's prices.*--price-in and --price-out"),
        ({"price_in": "1"}, "give both --price-in and --price-out"),
        ({"budget_usd": "0"}, "--budget-usd: Input should be greater than 0"),
        ({"sets": "0"}, "--sets: Input should be greater than or equal to 1"),
        ({"concurrency": "many"}, "--concurrency: "),
        ({"pairs": "all"}, "--pairs: Input should be 'paper', 'contrast' or 'none'"),
        ({"api_key": "sk-1"}, "--api-key: Extra inputs"),
    ],
)
def test_what_does_not_fit_is_said_with_its_flag(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        AugmentRequest.read(**GOOD, **fields)


def test_every_field_explains_itself() -> None:
    assert all(field.description for field in AugmentRequest.model_fields.values())
