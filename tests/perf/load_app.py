"""The real page over a model that gives 20 tokens a second, for the load table: `python -m tests.perf.load_app`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from data_gen.chat import ChatModel, Completion, Conversation, Delta, Sampling
from janus_space.door import Door, Space
from janus_space.home import Home
from janus_space.models import Models
from janus_space.ui import launch

TOKENS_PER_SECOND = 20
SPACE = Door(Space("author/space", frozenset({"localhost"})))
AT_ONCE, PACED = "echo:at-once", "echo:"


class PacedModel:
    """Says `max_new_tokens` words, each due at its own time: what the page's delays add up to is not the model's."""

    spec = PACED

    async def stream(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta | Completion]:
        start = time.perf_counter()
        words = [f"word{number}" for number in range(sampling.max_new_tokens)]
        for number, word in enumerate(words, 1):
            await asyncio.sleep(start + number / TOKENS_PER_SECOND - time.perf_counter())
            yield Delta(text=f"{word} ")
        yield Completion(text=" ".join(words), finish_reason="length", tokens=len(words))


class OneWord:
    """Answers at once: the second column of a viewer who watches the first."""

    spec = AT_ONCE

    async def stream(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Completion]:
        yield Completion(text="Done.", finish_reason="stop", tokens=1)


class FakeModels(Models):
    """Finds these two models and no other."""

    def chat_model(self, spec: str, device: str = "auto", session_keys: object = None) -> ChatModel:
        return OneWord() if spec == AT_ONCE else PacedModel()


def main() -> None:
    """Open the page on a free port and say where, as `app.py` does, until ended."""
    with tempfile.TemporaryDirectory() as scratch:
        launch.clean_environment(Path(scratch) / "gradio")
        from janus_space.engine.process import EnginePool
        from janus_space.ui.lean import make_lean
        from janus_space.ui.page import build

        home = Home.at(Path(scratch) / "home")
        page = build(FakeModels(home, EnginePool(home), hosted=True), start_model=PACED, door=SPACE)
        page.queue(**launch.QUEUE_SETTINGS)
        page.launch(**launch.launch_settings("127.0.0.1", launch.free_port("127.0.0.1", 0), home.folder, SPACE))
        make_lean(page)
        print(page.local_url, flush=True)
        sys.stdin.read()  # until the parent closes it


if __name__ == "__main__":
    main()
