"""From the specs of a request to somebody who answers, with a ledger between, so that nothing is paid for twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_gen.batch_api import BatchApi
from data_gen.batch_asker import BatchAsker
from data_gen.batch_work import BatchWork
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
LEDGER = "ledger.sqlite"
"""The name of the ledger in a job's folder."""

Resolve = Callable[[str], tuple[str, Address]]
"""From a spec to the model's name and where it can be asked."""


@dataclass
class OpenTeacher:
    """Who answers, and how it goes."""

    asker: Work | BatchAsker | EchoTeacher
    budget: Budget | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def halt(self) -> WorkHalted | None:
        return self.asker.halt

    @property
    def is_paused(self) -> bool:
        return self.asker.is_paused

    @property
    def figures(self) -> dict[str, Any]:
        """Return what was asked, paid and refused so far; nothing for a teacher that costs nothing."""
        if self.budget is None:
            return {}
        told = {**vars(self.budget.figures), "errors": dict(self.budget.figures.errors)}
        return told | ({"concurrency": self.asker.concurrency} if isinstance(self.asker, Work) else {})

    def pause(self, is_wished: bool) -> None:
        """Send nothing more for now, or go on; what is in flight is finished."""
        if is_wished != self.is_paused:
            (self.asker.pause if is_wished else self.asker.resume)()

    def stop(self) -> None:
        """Ask for nothing more; what is in flight is finished."""
        self.asker.stop()


def openai_address(spec: str) -> tuple[str, Address]:
    """Resolve `openai:MODEL[@BASE_URL]`; the key comes from the environment, and only where it may be sent."""
    model, base_url = parse_openai_spec(spec)
    return model, Address(base_url, api_key_for(base_url, {}))


@asynccontextmanager
async def open_teacher(
    request: AugmentRequest,
    job: Path,
    hierarchy: Hierarchy,
    resolve: Resolve = openai_address,
    say: Callable[[str], None] = lambda sentence: None,
) -> AsyncIterator[OpenTeacher]:
    """Open the teacher of a request, with the ledger in the folder `job`, for as long as the context lasts.

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
    (model, *_), addresses = models, [address for _, address in resolved]
    async with AsyncExitStack() as opened:
        others = [await opened.enter_async_context(_others_ledger(folder)) for folder in request.reuse]
        ledger = await opened.enter_async_context(Ledger(job / LEDGER, others=others))
        budget = Budget(request.budget_usd, request.known_prices, Account(ledger, "augment"))
        asker: Work | BatchAsker
        if request.transport == "batch":
            batches = BatchWork(BatchApi(model, addresses[0], request.poll_seconds), ledger, budget, say=say)
            asker = await opened.enter_async_context(BatchAsker(batches))
        else:
            teacher = await opened.enter_async_context(_teacher(model, addresses, request))
            asker = await opened.enter_async_context(Work(teacher, ledger, budget))
        yield OpenTeacher(asker, budget, [ledger.warning] if ledger.warning else [])


def _teacher(model: str, addresses: Sequence[Address], request: AugmentRequest) -> Teacher:
    limits = Limits(
        concurrency=request.concurrency,
        requests_per_minute=request.requests_per_minute,
        tokens_per_minute=request.tokens_per_minute,
        timeout_seconds=request.timeout_seconds,
    )
    return Teacher(model, addresses, limits)


def _others_ledger(folder: Path) -> Ledger:
    if not (folder / LEDGER).is_file():
        raise BadRequest(f"--reuse: {folder} is not the folder of a job that asked a teacher; it has no {LEDGER}.")
    return Ledger(folder / LEDGER, is_writer=False)
