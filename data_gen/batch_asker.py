"""An `Asker` over batches: what is asked is gathered until nobody asks any more, and then sent together."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

from data_gen.asking import Answer, Failure, Request
from data_gen.batch_work import BatchWork
from data_gen.errors import WorkHalted
from data_gen.interruptible import STOPPED, Interruptible

# Whoever is answered asks for the next level at once: when it is quiet, all wait.
_QUIET_SECONDS = 0.5


class BatchAsker(Interruptible):
    """Answers a wide tree level by level. When nothing more can be asked for, `halt` says why.

    A stop does not wait for the batch that is out: the next run fetches its answers.
    """

    def __init__(self, work: BatchWork) -> None:
        super().__init__()
        self._work = work
        self._waiting: list[tuple[Request, asyncio.Future[Answer | Failure]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> BatchAsker:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.stop()
        if self._sending is not None:
            await asyncio.wait([self._sending])

    def stop(self) -> None:
        """Send nothing more and wait for nothing more."""
        super().stop()
        if self._sending is not None:
            self._sending.cancel()

    async def ask(self, request: Request) -> Answer | Failure:
        """Return the answer, from the ledger if it was ever paid for; never raises for a request that fails."""
        if (kept := self._work.kept(request)) is not None:
            return kept
        if self.is_stopped or self.halt is not None:
            return self._refusal()
        answered: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answered))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_until_none_waits())
        return await answered

    async def _send_until_none_waits(self) -> None:
        together: list[tuple[Request, asyncio.Future[Answer | Failure]]] = []
        try:
            while self._waiting:
                await self._until_quiet()
                together, self._waiting = self._waiting, []
                await self._send(together)
        except WorkHalted as halt:
            self.halt = halt
        finally:
            self._sending = None
            for _, answered in (*together, *self._waiting):
                if not answered.done():
                    answered.set_result(self._refusal())
            self._waiting = []

    async def _until_quiet(self) -> None:
        count = 0
        while count != len(self._waiting):
            count = len(self._waiting)
            await asyncio.sleep(_QUIET_SECONDS)
        await self.until_it_may_run()

    async def _send(self, together: list[tuple[Request, asyncio.Future[Answer | Failure]]]) -> None:
        answers = {id(request): answered for request, answered in together}
        async with aclosing(self._work.answer_all(request for request, _ in together)) as outcomes:
            async for request, result in outcomes:
                with suppress(asyncio.InvalidStateError):  # whoever asked has gone
                    answers[id(request)].set_result(result)

    def _refusal(self) -> Failure:
        return STOPPED if self.halt is None else Failure("halted", str(self.halt))
