"""What a benchmark is, what it is given to work with, and what it gives back.

To add one: write `benchmarks/NAME.py` with a `Bench`, and a line in `table.py`. A knob that it needs is a field of
`BenchJob`, and named in its `uses`. It reads its questions, asks models through `answers.answer_all`, asks the judge
through `judging`, and returns a `Report`; whoever calls it writes that down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from data_gen.asking import Asker
from data_gen.errors import BadRequest, WorkHalted
from janus_space.bench_order import BenchJob
from janus_space.judging.judge import Judge
from janus_space.models import Models

EVERY = frozenset({"bench", "model", "data", "limit", "seed", "device"})
"""Fields of `BenchJob` that mean something to every benchmark."""
ASKING = frozenset({"concurrency", "timeout_seconds", "reuse"})
"""Those of a benchmark that asks models, as against reading their log-probabilities."""
ANSWERING = ASKING | {"max_new_tokens"}
CHOOSING = frozenset({"best_of", "reward"})
JUDGING = frozenset({"judge", "judge_tokens", "budget_usd", "price_in", "price_out"})


class Model(Asker, Protocol):
    """A model that answers; `halt` says why it will answer nothing more, if that is so."""

    @property
    def halt(self) -> WorkHalted | None: ...


class Tell(Protocol):
    """Where a benchmark says how it goes."""

    def say(self, sentence: str) -> None:
        """Tell a person something."""

    def step(self, what: str, done: int, of: int) -> None:
        """Tell how far it is with one kind of work, such as "answers of echo:"."""


@dataclass(frozen=True)
class Means:
    """What a benchmark is given to work with.

    `model` opens a model that answers, by its spec or by its row's name in `order.measured`; `judge` the judge of the
    order: each for as long as it is needed, since a local one holds memory. `models` is for what needs more than
    answers, such as `reading.reading`.
    """

    folder: Path
    tell: Tell
    model: Callable[[str], AbstractAsyncContextManager[Model]]
    judge: Callable[[], AbstractAsyncContextManager[Judge]]
    models: Models
    is_stopping: Callable[[], bool] = lambda: False
    """Whether nothing more is to be begun; who asks through `model` or `judge` is told by a `WorkHalted`."""


@dataclass(frozen=True)
class Report:
    """What was found: one row a model, in the order of --model, and what is true of all rows."""

    rows: list[dict[str, Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """A benchmark.

    `check` refuses with `BadRequest`, before a job is made, an order that cannot be carried out. `run` does the work;
    it may raise a `DataGenError`, of which `WorkHalted` means that the same work goes on another time. `uses` names the
    fields of `BenchJob` that it reads beside `EVERY`: the form shows no others, and no others are taken.
    """

    name: str
    summary: str
    check: Callable[[BenchJob], None]
    run: Callable[[BenchJob, Means], Awaitable[Report]]
    uses: frozenset[str] = frozenset()


def refuse_without(order: BenchJob, name: str, needs: Mapping[str, str]) -> None:
    """Refuse an order that lacks something; `needs` says by field what it is, so that the sentence tells it."""
    for field_name, what in needs.items():
        if not getattr(order, field_name):
            raise BadRequest(f"{name} needs {what}: give --{field_name}.")
