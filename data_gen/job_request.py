"""What an augment job is asked to do: every knob once, for the check, the flag, the form and the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from data_gen.augment import Plan
from data_gen.cleaning import CleaningRules
from data_gen.contrast import PairRule
from data_gen.cost import Prices
from data_gen.errors import BadRequest


class AugmentRequest(Plan, CleaningRules):
    """Grow a collection from a file of instructions. Keys never stand here: they come from the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: Path = Field(description="File of instructions: JSONL, JSON, CSV, TSV, Parquet or plain text")
    teacher: tuple[str, ...] = Field(
        min_length=1, description="openai:MODEL[@BASE_URL], several for several endpoints of one model; or echo:"
    )
    prompt_column: str | None = Field(
        None, description="Column that holds the instructions, if its name does not say so"
    )
    concurrency: int = Field(32, ge=1, le=2000, description="Requests at once, for each endpoint")
    timeout_seconds: float = Field(300.0, gt=0, description="Longest wait for one answer")
    budget_usd: float | None = Field(None, gt=0, description="Never spend more than this; needs the prices")
    price_in: float | None = Field(None, ge=0, description="USD for a million tokens of prompt")
    price_out: float | None = Field(None, ge=0, description="USD for a million tokens of answer")
    pairs: PairRule = Field("paper", description="Preference pairs: one an instruction, all contrasts, or none")
    prompts: Path | None = Field(None, description="Folder with prompts of your own, such as response.md")
    hierarchy: tuple[Path, ...] = Field((), description="Preference hierarchies that are added to the built-in one")
    against: tuple[Path, ...] = Field((), description="Benchmark files; instructions that are in them are reported")

    @field_validator("instructions", "prompts", "hierarchy", "against")
    @classmethod
    def _wherever_it_is_read(cls, found: Any) -> Any:
        """Make paths absolute: the snapshot of a request must mean the same from any folder."""
        return tuple(path.absolute() for path in found) if isinstance(found, tuple) else found and found.absolute()

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
    def read(cls, **fields: Any) -> AugmentRequest:
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
