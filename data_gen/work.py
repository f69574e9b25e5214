"""Many requests at once, each answered from the ledger or paid for once; one that fails never stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import NamedTuple, TypeVar

from data_gen.asking import Answer, Failure, Request
from data_gen.cost import Budget
from data_gen.errors import BudgetSpent, ChatError, WorkHalted
from data_gen.interruptible import STOPPED, Interruptible
from data_gen.ledger import Ledger
from data_gen.request_key import RequestKey, request_key
from data_gen.teacher import Teacher

Item = TypeVar("Item")
Done = TypeVar("Done")


class _Stopped(WorkHalted):
    """Somebody asked to stop while this request waited for money."""


class Outcome(NamedTuple):
    """A request and what came of it."""

    request: Request
    result: Answer | Failure


class Work(Interruptible):
    """Asks a teacher through a ledger within a budget, and can be paused, resumed and stopped. It is an `Asker`.

    When nothing more can be asked for (no money, no disk, no teacher), `halt` says why, and every further request that
    is not in the ledger is a `Failure`, but for cheap ones that still fit into the budget; what is in flight is kept.
    """

    def __init__(self, teacher: Teacher, ledger: Ledger, budget: Budget) -> None:
        super().__init__()
        self._teacher = teacher
        self._ledger = ledger
        self._budget = budget

    async def __aenter__(self) -> Work:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._budget.close()

    @property
    def is_stopping(self) -> bool:
        return self.is_stopped or self.halt is not None

    @property
    def concurrency(self) -> dict[str, int]:
        """Return how many requests each endpoint is given at once just now."""
        return self._teacher.concurrency

    async def ask(self, request: Request) -> Answer | Failure:
        """Return the answer, from the ledger if it was ever paid for; never raises for a request that fails."""
        key = request_key(self._teacher.model, request)
        try:
            if (kept := self._ledger.get(key)) is not None:
                return kept
            await self.until_it_may_run()
            trouble = self.halt or self._ledger.trouble
            if trouble is not None and not isinstance(trouble, BudgetSpent):
                raise trouble
            if self.is_stopped:
                return STOPPED
            return await self._ledger.once(key, lambda: self._pay(key, request))
        except ChatError as error:
            return Failure("failed", str(error))
        except _Stopped:
            return STOPPED
        except WorkHalted as halt:
            self.halt = self.halt or halt
            return Failure("halted", str(halt))

    async def _pay(self, key: RequestKey, request: Request) -> Answer:
        charge = await self._budget.charge(request)
        try:
            if self.is_stopped:  # it may have waited long for its share of the budget
                raise _Stopped(STOPPED.reason)
            answer = await self._teacher.ask(charge.request, charge)
            if is_cut_for_money := charge.request != request and answer.finish_reason == "length":
                key = key._replace(max_new_tokens=charge.request.sampling.max_new_tokens)
            await self._ledger.put(key, answer, charge.picousd(answer), self._budget.run)
            charge.settle(answer)
            if is_cut_for_money:
                raise self._budget.spent_up(self._budget.worst_picousd(request))
            return answer
        finally:
            charge.release()


async def ask_all(
    requests: AsyncIterable[Request] | Iterable[Request], work: Work, concurrency: int
) -> AsyncGenerator[Outcome, None]:
    """Yield every request with its answer or failure, as they come; `requests` is read only as far as needed.

    Raises the `WorkHalted` that ended it, after everything in flight has been yielded.
    """

    async def ask(request: Request) -> Outcome:
        return Outcome(request, await work.ask(request))

    async with aclosing(each(requests, ask, concurrency, until=lambda: work.is_stopping)) as outcomes:
        async for outcome in outcomes:
            yield outcome
    if work.halt is not None:
        raise work.halt


async def each(
    items: AsyncIterable[Item] | Iterable[Item],
    act: Callable[[Item], Awaitable[Done]],
    concurrency: int,
    until: Callable[[], bool] = lambda: False,
) -> AsyncGenerator[Done, None]:
    """Act on all items, `concurrency` at a time, and yield what comes out as it comes; memory holds no more than that.

    Once `until` says so, no further item is begun.
    """
    source = _asynchronous(items)
    is_reading = asyncio.Lock()
    done: asyncio.Queue[Done | None] = asyncio.Queue(concurrency)

    async def go_on() -> None:
        while not until():
            async with is_reading:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    break
            await done.put(await act(item))

    workers = [asyncio.create_task(go_on()) for _ in range(concurrency)]
    end = asyncio.create_task(_say_when_all_ended(workers, done))
    try:
        while (one := await done.get()) is not None:
            yield one
        for worker in workers:
            worker.result()  # raises what `act` raised
    finally:
        for task in (*workers, end):
            task.cancel()
        await asyncio.wait((*workers, end))


async def _say_when_all_ended(workers: list[asyncio.Task[None]], done: asyncio.Queue[Done | None]) -> None:
    await asyncio.wait(workers)
    await done.put(None)


async def _asynchronous(items: AsyncIterable[Item] | Iterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
