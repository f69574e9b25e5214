"""Every answer that was ever paid for, found again by what was asked; on disk before anybody sees it.

Keyed by content (`request_key`), so that neither another run, nor another endpoint, nor a parameter that does not touch
a request makes it be sent again. Answers that arrive within a few milliseconds share one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from data_gen.asking import Answer
from data_gen.errors import DataGenError, StorageFailed
from data_gen.ledger_file import ADD_SPENT, INSERT_ANSWER, LedgerFile, Statement, checksum
from data_gen.request_key import RequestKey

# A commit waits for the disk; answers take seconds to make, so nobody notices that theirs waited for company.
_GATHER_SECONDS = 0.01

_SELECT = """SELECT text, finish_reason, prompt_tokens, completion_tokens FROM answers WHERE digest = ?
    AND (max_new_tokens = ? OR finish_reason = 'stop' AND completion_tokens BETWEEN 1 AND ?)
    ORDER BY max_new_tokens = ? DESC LIMIT 1"""


class Kept(NamedTuple):
    """An answer as it lies in the ledger."""

    key: RequestKey
    answer: Answer
    cost_picousd: int


class Ledger:
    """Answers by key, for many tasks of one event loop. One process writes a file; any number may read it.

    What it does not hold is looked for in `others`, which are only read.
    Raises `StorageFailed`, one sentence, from every method that finds the disk full, read-only or the file in use.
    """

    def __init__(self, path: Path, *, is_writer: bool = True, others: Sequence[Ledger] = ()) -> None:
        self._others = others
        self._file = LedgerFile(path, is_writer=is_writer)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._waiting: list[tuple[list[Statement], asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._in_flight: dict[RequestKey, asyncio.Task[Answer]] = {}

    @property
    def warning(self) -> str | None:
        """Say what was found damaged when the file was opened."""
        return self._file.warning

    @property
    def trouble(self) -> StorageFailed | None:
        """Say why nothing more should be asked for, although what is in flight can still be kept."""
        return self._file.trouble

    async def __aenter__(self) -> Ledger:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up what is still in flight, write what has arrived, and let the next writer in."""
        for task in self._in_flight.values():
            task.cancel()
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self._thread.shutdown()
        self._file.close()

    def get(self, key: RequestKey) -> Answer | None:
        """Return the answer, or None if it was never paid for.

        Read in the caller's thread: it is a page or two from memory, cheaper than the way to another thread and back.
        """
        limit = key.max_new_tokens
        row = self._file.reader.execute(_SELECT, (key.digest, limit, limit, limit)).fetchone()
        if row is not None:
            return Answer(*row)
        return next((found for other in self._others if (found := other.get(key)) is not None), None)

    async def put(self, key: RequestKey, answer: Answer, cost_picousd: int = 0, run: str = "") -> None:
        """Keep an answer, and add its cost to the run's account; return when both are on disk."""
        row = (*key, answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens)
        values = (*row, cost_picousd, run, checksum(key.digest, answer.text))
        await self.write((INSERT_ANSWER, values), (ADD_SPENT, (run, cost_picousd)))

    async def once(self, key: RequestKey, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer, from disk or from the same request in flight; only else `ask`, which must also `put`.

        The caller may be cancelled; the request, which is being paid for, runs on and is kept.
        """
        if (kept := self.get(key)) is not None:
            return kept
        if (task := self._in_flight.get(key)) is None:
            task = self._in_flight[key] = asyncio.ensure_future(_run(ask))
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def write(self, *statements: Statement) -> None:
        """Write these in one commit with whatever else is waiting, in the order of the calls."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((list(statements), done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_until_none_waits())
        await done

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a small query."""
        return self._file.reader.execute(sql, values).fetchall()

    def __iter__(self) -> Iterator[Kept]:
        """Yield every answer, in the order of their keys, one row in memory at a time."""
        cursor = self._file.reader.execute(
            """SELECT digest, max_new_tokens, text, finish_reason, prompt_tokens, completion_tokens, cost_picousd
            FROM answers ORDER BY digest, max_new_tokens"""
        )
        for digest, limit, text, reason, prompt_tokens, completion_tokens, cost in cursor:
            yield Kept(RequestKey(digest, limit), Answer(text, reason, prompt_tokens, completion_tokens), cost)

    def __len__(self) -> int:
        return int(self.read("SELECT COUNT(*) FROM answers")[0][0])

    def _landed(self, key: RequestKey, task: asyncio.Task[Answer]) -> None:
        del self._in_flight[key]
        if not task.cancelled():
            task.exception()  # whoever asked has it, or has gone: either way it is not lost unread

    async def _commit_until_none_waits(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(_GATHER_SECONDS)
            together, self._waiting = self._waiting, []
            statements = [statement for group, _ in together for statement in group]
            try:
                await loop.run_in_executor(self._thread, self._file.commit, statements)
            except DataGenError as error:
                for _, done in together:
                    _settle(done, error)
            else:
                for _, done in together:
                    _settle(done, None)
        self._committing = None


class Account:
    """What one run has spent, across its restarts. What a killed run had in flight counts as paid: it may have been."""

    def __init__(self, ledger: Ledger, run: str) -> None:
        self._ledger = ledger
        self.run = run
        rows = ledger.read("SELECT spent_picousd, lost_picousd + in_flight_picousd FROM runs WHERE run = ?", (run,))
        self.spent_picousd, self.lost_picousd = rows[0] if rows else (0, 0)

    async def note(self, in_flight_picousd: int, lost_picousd: int) -> None:
        """Write down what may be in flight from now on, before it is sent, and what may have been paid for nothing."""
        await self._ledger.write(
            (
                """INSERT INTO runs (run, in_flight_picousd, lost_picousd) VALUES (?, ?, ?) ON CONFLICT (run) DO UPDATE
                SET in_flight_picousd = excluded.in_flight_picousd, lost_picousd = excluded.lost_picousd""",
                (self.run, in_flight_picousd, lost_picousd),
            )
        )


async def _run(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    return await ask()


def _settle(done: asyncio.Future[None], error: DataGenError | None) -> None:
    if done.done():  # whoever waited has been cancelled
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
