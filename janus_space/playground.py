"""Answer one comparison: all columns at once, each with its own stop, merged into one stream of events."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import cast

from data_gen.chat import ChatModel, Completion, Delta, Waiting
from data_gen.errors import ChatCutOff, DataGenError
from janus_space.comparison import Column, ColumnEvent, ColumnState, Comparison
from janus_space.errors import SpaceError
from janus_space.limits import check_length
from trainer.errors import TrainerError

log = logging.getLogger(__name__)

_UPDATES_PER_SECOND = 200.0  # of all pages together, which is about a quarter of what one core can send


class Run:
    """One run of a comparison, and the means to stop it from any thread. A stop is for good: retry with a new run."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._all_stopped = False
        self._stopped: set[int] = set()
        self._wakers: dict[int, Callable[[], object]] = {}

    def stop(self, column: int | None = None) -> None:
        """Stop one column, or all of them; a second stop changes nothing."""
        with self._lock:
            if column is None:
                self._all_stopped = True
                to_wake = list(self._wakers)
            else:
                self._stopped.add(column)
                to_wake = [column]
            wakers = [self._wakers.pop(index) for index in to_wake if index in self._wakers]
        for wake in wakers:
            wake()

    def is_stopped(self, column: int) -> bool:
        return self._all_stopped or column in self._stopped

    @contextmanager
    def waking(self, column: int, wake: Callable[[], object]) -> Iterator[None]:
        """Have `wake` called once, in the stopping thread, if the column is or gets stopped inside this block."""
        with self._lock:
            stopped_before = self.is_stopped(column)
            if not stopped_before:
                self._wakers[column] = wake
        if stopped_before:
            wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakers.pop(column, None)


class Runs:
    """The runs under way, so that a Stop that arrives elsewhere finds its run by id."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def add(self, run: Run) -> None:
        self._runs[run.id] = run

    def discard(self, run_id: str) -> None:
        self._runs.pop(run_id, None)

    @contextmanager
    def under_way(self) -> Iterator[Run]:
        """Open a run that can be found until this block ends."""
        run = Run()
        self.add(run)
        try:
            yield run
        finally:
            self.discard(run.id)

    def updates_per_second(self) -> float:
        """Say how often each page may be updated: 5 times with up to forty runs, down to 2 with a hundred and more."""
        return max(2.0, min(5.0, _UPDATES_PER_SECOND / max(1, len(self))))


async def compare(
    comparison: Comparison,
    chat_model: Callable[[Column], ChatModel],
    run: Run,
    columns: Sequence[int] | None = None,
) -> AsyncGenerator[ColumnEvent, None]:
    """Ask every column at once, or only the given ones, and yield what arrives, until each has had its final event.

    Nothing that happens to one column touches another. Closing this generator closes every column's stream.

    Raises:
        TooMuch: longer answers are asked for than whoever asks may have
    """
    check_length(comparison.sampling)
    unfinished = set(range(len(comparison.columns)) if columns is None else columns)
    events: asyncio.Queue[ColumnEvent] = asyncio.Queue()
    tasks = [
        asyncio.create_task(_answer(comparison, column, chat_model, run, events.put_nowait))
        for column in sorted(unfinished)
    ]
    try:
        while unfinished:
            event = await events.get()
            if event.column not in unfinished:
                continue  # it was stopped in the instant after its answer was complete
            if event.is_final:
                unfinished.discard(event.column)
            yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def paced(
    events: AsyncIterator[ColumnEvent], per_second: float | Callable[[], float] = 5.0
) -> AsyncGenerator[dict[int, ColumnEvent], None]:
    """Yield the latest event of every column that changed, at most `per_second` times a second; no final event is lost.

    A page that is slow to take an update gets fewer of them and never an old one.
    """
    changed: dict[int, ColumnEvent] = {}
    wake = asyncio.Event()
    reader = asyncio.create_task(_keep_latest(events, changed, wake))
    reader.add_done_callback(lambda _: wake.set())
    due = 0.0
    try:
        while not reader.done() or changed:
            await wake.wait()
            wake.clear()
            if changed:
                await asyncio.sleep(due - time.monotonic())
                batch = dict(changed)
                changed.clear()
                due = time.monotonic() + 1 / (per_second() if callable(per_second) else per_second)
                yield batch
        await reader
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def _keep_latest(events: AsyncIterator[ColumnEvent], latest: dict[int, ColumnEvent], wake: asyncio.Event) -> None:
    async for event in events:
        latest[event.column] = event
        wake.set()


async def collect(
    events: AsyncGenerator[ColumnEvent, None], on_event: Callable[[ColumnEvent], None] | None = None
) -> list[ColumnEvent]:
    """Wait for every column; give the final events in column order, and each event to `on_event` as it comes."""
    finals = []
    async with aclosing(events):
        async for event in events:
            if on_event is not None:
                on_event(event)
            if event.is_final:
                finals.append(event)
    return sorted(finals, key=lambda event: event.column)


async def _answer(
    comparison: Comparison,
    column: int,
    chat_model: Callable[[Column], ChatModel],
    run: Run,
    put: Callable[[ColumnEvent], None],
) -> None:
    """Put the events of one column; the last one is final, unless the whole run is being closed."""
    text = ""
    loop = asyncio.get_running_loop()
    task = cast("asyncio.Task[None]", asyncio.current_task())

    def end(state: ColumnState, note: str | None = None) -> None:
        put(ColumnEvent(column=column, state=state, text=text, note=note))

    if run.is_stopped(column):
        end("stopped")
        return
    try:
        # Only a cancelled task reaches a stream in the middle of its wait for the next token.
        with run.waking(column, lambda: loop.call_soon_threadsafe(task.cancel)):
            async for event in _follow(comparison, column, chat_model):
                text = event.text
                put(event)
    except asyncio.CancelledError:
        if run.is_stopped(column):
            end("stopped")
        elif task.cancelling():
            raise
        else:
            end("failed", _logged(column))
    except (DataGenError, TrainerError, SpaceError) as error:
        end("failed", str(error))
    except Exception:  # noqa: BLE001 -- a bug in one column is logged with its traceback and leaves the others alone
        end("failed", _logged(column))


async def _follow(
    comparison: Comparison, column: int, chat_model: Callable[[Column], ChatModel]
) -> AsyncGenerator[ColumnEvent, None]:
    """Turn one model's stream into events that carry all of the text so far."""
    model = chat_model(comparison.columns[column])
    stream = model.stream(comparison.conversation(column), comparison.sampling)
    text = ""
    # The protocol promises an iterator that can be closed early; its type cannot say so.
    async with aclosing(cast("AsyncGenerator[Waiting | Delta | Completion, None]", stream)) as arriving:
        async for event in arriving:
            if isinstance(event, Waiting):
                yield ColumnEvent(column=column, state="waiting", text=text, note=event.reason)
            elif isinstance(event, Delta):
                text += event.text
                yield ColumnEvent(column=column, state="streaming", text=text)
            else:
                state: ColumnState = "stopped" if event.finish_reason == "stopped" else "done"
                yield ColumnEvent(column=column, state=state, text=event.text, completion=event)
                return
    raise ChatCutOff(f"{model.spec} ended before its answer did; ask it again")


def _logged(column: int) -> str:
    """Log the exception being handled and name it in one sentence for the column."""
    error_id = secrets.token_hex(4)
    log.exception("error %s: column %d failed unexpectedly", error_id, column)
    return f"Something went wrong inside Janus Space; its log says what, under error {error_id}."
