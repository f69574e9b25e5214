"""From the specs of a request to somebody who answers, with a ledger between, so that nothing is paid for twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.asking import Asker
from data_gen.cost import Budget
from data_gen.echo_teacher import EchoTeacher
from data_gen.errors import BadRequest, WorkHalted
from data_gen.hierarchy import Hierarchy
from data_gen.job_request import AugmentRequest
from data_gen.ledger import Account, Ledger
from data_gen.openai_completion import Address
from data_gen.openai_spec import api_key_for, parse_openai_spec
from data_gen.teacher import Limits, Teacher
from data_gen.work import Work

ECHO = "echo:"

Resolve = Callable[[str], tuple[str, Address]]
"""From a spec to the model's name and where it can be asked."""


@dataclass
class OpenTeacher:
    """Who answers, and how it goes."""

    asker: Asker
    work: Work | None = None
    budget: Budget | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def halt(self) -> WorkHalted | None:
        return None if self.work is None else self.work.halt

    @property
    def figures(self) -> dict[str, Any]:
        """Return what was asked, paid and refused so far; nothing for a teacher that costs nothing."""
        return {} if self.budget is None else {**vars(self.budget.figures), "errors": dict(self.budget.figures.errors)}

    def stop(self) -> None:
        """Ask for nothing more; what is in flight is finished."""
        if self.work is not None:
            self.work.stop()


def openai_address(spec: str) -> tuple[str, Address]:
    """Resolve `openai:MODEL[@BASE_URL]`; the key comes from the environment, and only where it may be sent."""
    model, base_url = parse_openai_spec(spec)
    return model, Address(base_url, api_key_for(base_url, {}))


@asynccontextmanager
async def open_teacher(
    request: AugmentRequest, ledger_file: Path, hierarchy: Hierarchy, resolve: Resolve = openai_address
) -> AsyncIterator[OpenTeacher]:
    """Open the teacher of a request for as long as the context lasts.

    Raises:
        BadRequest: a spec cannot be understood, or the specs name different models
        StorageFailed: the ledger cannot be used
    """
    if ECHO in request.teacher:
        yield OpenTeacher(EchoTeacher(hierarchy))
        return
    resolved = [resolve(spec) for spec in request.teacher]
    models = sorted({model for model, _ in resolved})
    if len(models) > 1:
        raise BadRequest(f"Several endpoints must serve one model; these are {', '.join(models)}.")
    limits = Limits(concurrency=request.concurrency, timeout_seconds=request.timeout_seconds)
    async with (
        Ledger(ledger_file) as ledger,
        Teacher(models[0], [address for _, address in resolved], limits) as teacher,
    ):
        budget = Budget(request.budget_usd, request.known_prices, Account(ledger, "augment"))
        work = Work(teacher, ledger, budget)
        try:
            yield OpenTeacher(work, work, budget, [ledger.warning] if ledger.warning else [])
        finally:
            await budget.close()
