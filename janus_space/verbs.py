"""What can be asked of this house. The command line and the page's API are two faces of this table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data_gen.chat import Sampling
from data_gen.errors import BadRequest
from janus_space import playground
from janus_space.augment_order import AugmentOrder
from janus_space.bench_order import BenchOrder
from janus_space.comparison import DEVICE, MAX_COLUMNS, Column, ColumnEvent, Comparison, Turn
from janus_space.export import Row, rows
from janus_space.job_verbs import (
    JobRequest,
    JobsRequest,
    ResumeRequest,
    augment,
    bench,
    bench_notes,
    list_jobs,
    merge,
    resume,
    stop,
    train,
)
from janus_space.merging import MergeOrder
from janus_space.publish_order import FinetuneOrder, PublishOrder
from janus_space.publish_verbs import finetune_and_publish, publish
from janus_space.training import TrainOrder

if TYPE_CHECKING:
    # Only for the types: the clients behind it cost a second at start-up, and --help needs none of them.
    from janus_space.models import Models
    from janus_space.steer import SteerEvent

OnEvent = Callable[[Comparison, ColumnEvent], None]
OnSteerEvent = Callable[["SteerEvent"], None]
T = TypeVar("T")

MAX_RECORDS = 2_000
"""That a caller of `steer` may hand over; a file may hold more."""


class CompareRequest(Sampling):
    """What to compare: models and system messages pair up one to one; one of either serves all of the other."""

    model: tuple[str, ...] = Field(
        min_length=1,
        max_length=MAX_COLUMNS,
        description="Model spec, such as embedded:smollm2; one a column, or one for all",
    )
    system: tuple[str | None, ...] = Field(
        min_length=1,
        max_length=MAX_COLUMNS,
        description="How the assistant should behave; one a column, or one for all",
    )
    prompt: str = Field(description="What every column is asked")
    history: tuple[Turn, ...] = Field((), description="Earlier questions, each with the answers by column")
    device: str = Field("auto", description="Where local models run: auto, cpu, cuda:0 …")

    @model_validator(mode="after")
    def _can_be_laid_out(self) -> CompareRequest:
        self.comparison()
        return self

    def comparison(self) -> Comparison:
        """Lay the request out in columns. What cannot be laid out is refused with `BadRequest` when it is made."""
        return _checked(
            lambda: Comparison(
                columns=tuple(
                    Column(model=model, system=system, device=self.device)
                    for model, system in zip(*_paired(self.model, self.system), strict=True)
                ),
                turns=(*self.history, Turn(prompt=self.prompt)),
                sampling=Sampling(**{name: getattr(self, name) for name in Sampling.model_fields}),
            )
        )


class SteerRequest(BaseModel):
    """Which models to measure on which file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: tuple[str, ...] = Field(
        min_length=1,
        max_length=MAX_COLUMNS,
        description="Model of this machine, such as embedded:smollm2",
    )
    data: str | tuple[dict[str, Any], ...] = Field(
        description="JSONL file of SFT records: system, prompt, output, and instruction_id where prompts differ;"
        " a script may give the records themselves",
    )
    limit: int | None = Field(None, gt=0, description="Measure only the first so many instructions")
    seed: int = Field(0, ge=0, lt=2**31, description="The same seed draws the same intervals")
    device: str = Field("auto", pattern=DEVICE, description="Where the models run: auto, cpu, cuda:0 …")

    @field_validator("data", mode="before")
    @classmethod
    def _file_or_records(cls, data: object) -> object:
        is_list = isinstance(data, (list, tuple)) and all(isinstance(one, dict) for one in data)
        if not data or not (is_list or isinstance(data, str)):
            raise ValueError("name a JSONL file, or give a list of records")
        if isinstance(data, (list, tuple)) and len(data) > MAX_RECORDS:
            raise ValueError(f"{len(data):,} records are too many to hand over, at most {MAX_RECORDS:,}: name a file")
        return data


@dataclass(frozen=True)
class Verb:
    """One thing that can be asked: its name everywhere, what it takes, and what does it.

    `run` takes what `read` returns, tells a listener of the verb's own kind how far it is, and gives rows for JSON.
    """

    name: str
    summary: str
    request: type[BaseModel]
    run: Callable[[Any, Models, Any], Awaitable[Sequence[Mapping[str, Any]]]]
    notes: Callable[[], Mapping[str, str]] = dict
    """What else is to be said of fields, for who reads about them; worked out only then."""

    def read(self, **fields: object) -> BaseModel:
        """Check what a caller gave; raise `BadRequest` with one sentence for what is wrong with it."""
        return _checked(lambda: self.request.model_validate(fields))


async def compare(request: CompareRequest, models: Models, on_event: OnEvent | None = None) -> list[Row]:
    """Ask every column at once and give one row a column, in order; a column that fails has an `error`.

    Raises before anything is asked where a column's model cannot be had at all.
    """
    comparison = request.comparison()
    ready = {column: models.chat_model(column.model, column.device) for column in comparison.columns}
    events = playground.compare(comparison, ready.__getitem__, playground.Run())
    tell = None if on_event is None else partial(on_event, comparison)
    return rows(comparison, await playground.collect(events, tell))


async def steer(request: SteerRequest, models: Models, on_event: OnSteerEvent | None = None) -> list[Mapping[str, Any]]:
    """Measure how far each model follows system messages; a model that fails on the way has an `error`.

    Raises before anything is measured where a model has no log-probabilities or the file is not as it should be.
    """
    # Imported here: numpy and the engine's client cost time that --help should not.
    from janus_space import steer, steer_data
    from janus_space.scorer import Scorer

    if isinstance(request.data, str):
        if models.hosted:
            raise BadRequest("On this hosted Space, no file of its disk is read: run Janus Space on your own machine.")
        data = await asyncio.to_thread(steer_data.read, Path(request.data), request.limit)
    else:
        data = await asyncio.to_thread(steer_data.of_records, request.data, request.limit)
    scorers = [Scorer.of(models, spec, request.device) for spec in request.model]
    return [steer.row(one) for one in await steer.steer(scorers, data, request.seed, on_event or (lambda _: None))]


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "compare",
            "Answers of several models, or under several system messages, side by side",
            CompareRequest,
            compare,
        ),
        Verb(
            "steer",
            "How far models follow system messages, measured on SFT records, with controls and intervals",
            SteerRequest,
            steer,
        ),
        Verb(
            "augment",
            "Grow a collection from instructions: preference sets, system messages, answers, pairs",
            AugmentOrder,
            augment,
        ),
        Verb(
            "bench",
            "Measure models on a benchmark such as multifaceted, alpaca, mt, arena-hard or toxicity",
            BenchOrder,
            bench,
            bench_notes,
        ),
        Verb(
            "train",
            "Fine-tune a model as a YAML file says: SFT, DPO, ORPO or a reward model",
            TrainOrder,
            train,
        ),
        Verb("merge", "Put the adapter of a finished run into its base: standalone weights", MergeOrder, merge),
        Verb(
            "publish",
            "Put a model, a dataset, a Space or a collection on the Hub, with a card of what was recorded",
            PublishOrder,
            publish,
        ),
        Verb(
            "finetune-and-publish",
            "Validate, estimate, train, measure against the base, prove and publish, as one job",
            FinetuneOrder,
            finetune_and_publish,
        ),
        Verb("jobs", "List long work, newest first, and how far it is", JobsRequest, list_jobs),
        Verb("stop", "Ask a job to end at its next step; what it has done is kept", JobRequest, stop),
        Verb("resume", "Go on with a job that was stopped, failed, or lost its process", ResumeRequest, resume),
    )
}


def _paired(models: tuple[str, ...], systems: tuple[str | None, ...]) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    if len(models) == len(systems):
        return models, systems
    if len(models) == 1:
        return models * len(systems), systems
    if len(systems) == 1:
        return models, systems * len(models)
    raise BadRequest(
        f"{len(models)} models and {len(systems)} system messages do not pair up: "
        "give as many of one as of the other, or a single one of either."
    )


def _checked(make: Callable[[], T]) -> T:
    """Turn pydantic's report into one sentence about the first thing that is wrong."""
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise BadRequest(f"{where}: {what}" if where else what) from None
