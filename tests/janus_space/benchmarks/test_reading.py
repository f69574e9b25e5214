from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from data_gen.chat import Conversation
from data_gen.errors import WorkHalted
from janus_space.benchmarks.bench import Means
from janus_space.benchmarks.reading import reading
from janus_space.engine.scores import ScoreItem
from tests.janus_space.benchmarks.in_this_process import Heard
from tests.janus_space.conftest import Local


def test_a_wish_to_stop_is_obeyed_before_the_next_text_is_read(tmp_path: Path, local: Local) -> None:
    wishes = [False, True]
    unused: Any = None
    means = Means(tmp_path, Heard(), unused, unused, local.models, lambda: wishes.pop(0))
    item = ScoreItem(Conversation.ask("Why?"), "Because.")

    async def read() -> None:
        async with reading(means, local.spec, "cpu") as score:
            (told,) = await score([item])
            assert told.mean < 0
            await score([item])

    with pytest.raises(WorkHalted, match="Stopped"):
        asyncio.run(read())
    assert wishes == []
