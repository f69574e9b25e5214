from __future__ import annotations

import asyncio

from data_gen.interruptible import Interruptible


def test_a_pause_holds_until_it_is_lifted_and_a_stop_lifts_it() -> None:
    async def act() -> None:
        work = Interruptible()
        await asyncio.wait_for(work.until_it_may_run(), 1)
        for lift in (work.resume, work.stop):
            work.pause()
            assert work.is_paused
            waiting = asyncio.create_task(work.until_it_may_run())
            await asyncio.sleep(0.01)
            assert not waiting.done()
            lift()
            await asyncio.wait_for(waiting, 1)
            assert not work.is_paused
        assert work.is_stopped

    asyncio.run(act())
