"""What an augment job is asked to do: every knob once, for the check, the flag, the form and the card."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from data_gen.augment import Plan
from data_gen.cleaning import CleaningRules
from data_gen.contrast import PairRule
from data_gen.cost import Prices
from data_gen.errors import BadRequest
from data_gen.instructions import Columns
from data_gen.source import is_on_hub


class AugmentRequest(Plan, CleaningRules, Columns):
    """Grow a collection from a file of instructions. Keys never stand here: they come from the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: Path = Field(
        description="File of instructions (JSONL, JSON, CSV, TSV, Parquet, text), or hub:ORG/NAME[@REVISION][:FILES]"
    )
    teacher: tuple[str, ...] = Field(
        min_length=1,
        description="openai:MODEL[@URL], or echo:; for several endpoints of one model several, or openai:MODEL@URL,URL",
    )
    transport: Literal["requests", "batch"] = Field(
        "requests", description="'batch' is OpenAI's Batch API: cheaper, and each step of the tree takes up to a day"
    )
    concurrency: int = Field(32, ge=1, le=2000, description="Requests at once, for each endpoint")
    requests_per_minute: float | None = Field(None, gt=0, description="Rate limit, for each endpoint")
    tokens_per_minute: float | None = Field(None, gt=0, description="Rate limit on prompts and answers together")
    timeout_seconds: float = Field(300.0, gt=0, description="Longest wait for one answer")
    budget_usd: float | None = Field(None, gt=0, description="Never spend more than this; needs the prices")
    price_in: float | None = Field(None, ge=0, description="USD for a million tokens of prompt")
    price_out: float | None = Field(None, ge=0, description="USD for a million tokens of answer")
    poll_seconds: float = Field(30.0, gt=0, description="With the batch transport: how often to look at a batch")
    reuse: tuple[Path, ...] = Field((), description="Folders of other jobs, whose answers are used and not paid again")
    pairs: PairRule = Field("paper", description="Preference pairs: one an instruction, all contrasts, or none")
    prompts: Path | None = Field(None, description="Folder with prompts of your own, such as response.md")
    hierarchy: tuple[Path, ...] = Field((), description="Preference hierarchies that are added to the built-in one")
    against: tuple[Path, ...] = Field((), description="Benchmark files; instructions that are in them are reported")

    @field_validator("teacher")
    @classmethod
    def _one_spec_an_endpoint(cls, specs: tuple[str, ...]) -> tuple[str, ...]:
        """Take apart openai:MODEL@URL1,URL2."""
        return tuple(one for spec in specs for one in _endpoints(spec))

    @field_validator("instructions", "prompts", "hierarchy", "against", "reuse")
    @classmethod
    def _wherever_it_is_read(cls, found: Any) -> Any:
        """Make paths absolute: the snapshot of a request must mean the same from any folder."""
        if isinstance(found, tuple):
            return tuple(path.absolute() for path in found)
        return found if found is None or is_on_hub(found) else found.absolute()

    @model_validator(mode="after")
    def _batches_go_to_one_endpoint(self) -> AugmentRequest:
        if self.transport == "batch" and len(self.teacher) > 1:
            raise ValueError("batches go to one endpoint: name one --teacher")
        return self

    @model_validator(mode="after")
    def _prices_are_known(self) -> AugmentRequest:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("give both --price-in and --price-out, in USD for a million tokens, or neither")
        if self.budget_usd is not None and self.price_in is None:
            raise ValueError(
                f"a budget of {self.budget_usd:g} USD needs the teacher's prices, which are not known: give --price-in"
                " and --price-out, in USD for a million tokens"
            )
        return self

    @classmethod
    def read(cls, **fields: Any) -> Self:
        """Check fields as a person gives them; raise `BadRequest` with the first that does not fit."""
        try:
            return cls(**fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = "--" + str(first["loc"][0]).replace("_", "-") + ": " if first["loc"] else ""
            raise BadRequest(f"{name}{first['msg'].removeprefix('Value error, ').rstrip('.')}.") from error

    @property
    def known_prices(self) -> Prices | None:
        if self.price_in is None or self.price_out is None:
            return None
        return Prices(usd_per_million_in=self.price_in, usd_per_million_out=self.price_out)


def _endpoints(spec: str) -> list[str]:
    first, *more = re.split(r",(?=https?://)", spec)
    model = first.rpartition("@http")[0]
    return [first, *(f"{model}@{url}" for url in more)]
