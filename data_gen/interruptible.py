"""Work that can be paused, resumed and stopped, and that may have to halt by itself."""

from __future__ import annotations

import asyncio

from data_gen.asking import Failure
from data_gen.errors import WorkHalted

STOPPED = Failure("halted", "The work was stopped before this was asked; the same work goes on from there.")
"""What becomes of a request that nobody was asked any more."""


class Interruptible:
    """What others wish of whoever answers. `halt` says why nothing more can be asked for, if that is so."""

    def __init__(self) -> None:
        self.halt: WorkHalted | None = None
        self.is_stopped = False
        self._may_run = asyncio.Event()
        self._may_run.set()

    @property
    def is_paused(self) -> bool:
        return not self._may_run.is_set()

    def pause(self) -> None:
        """Send nothing more for now; what is in flight is finished."""
        self._may_run.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._may_run.set()

    def stop(self) -> None:
        """Send nothing more; what is in flight is finished, everything else fails as stopped."""
        self.is_stopped = True
        self._may_run.set()

    async def until_it_may_run(self) -> None:
        """Wait for the end of a pause."""
        await self._may_run.wait()
