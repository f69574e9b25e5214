"""What can be asked of this house. The command line and the page's API are two faces of this table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, ValidationError, model_validator

from data_gen.chat import Sampling
from data_gen.errors import BadRequest
from janus_space import playground
from janus_space.comparison import MAX_COLUMNS, Column, ColumnEvent, Comparison, Turn
from janus_space.export import Row, rows

if TYPE_CHECKING:
    # Only for the types: the clients behind it cost a second at start-up, and --help needs none of them.
    from janus_space.models import Models

OnEvent = Callable[[Comparison, ColumnEvent], None]
T = TypeVar("T")


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


@dataclass(frozen=True)
class Verb:
    """One thing that can be asked: its name everywhere, what it takes, and what does it."""

    name: str
    summary: str
    request: type[CompareRequest]
    run: Callable[[CompareRequest, Models, OnEvent | None], Awaitable[list[Row]]]

    def read(self, **fields: object) -> CompareRequest:
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


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "compare",
            "Answers of several models, or under several system messages, side by side",
            CompareRequest,
            compare,
        ),
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
