"""Ctrl-C, and what a scheduler sends before it kills: a wish to stop, not an accident."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While this lasts, the first SIGINT or SIGTERM calls `stop`; a second one ends the process as usual."""
    loop = asyncio.get_running_loop()

    def restore() -> None:
        # There is nothing to restore on Windows, nor where this is not the main thread.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def once() -> None:
        restore()
        stop()

    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, once)
    try:
        yield
    finally:
        restore()
