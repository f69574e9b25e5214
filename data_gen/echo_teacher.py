"""`echo:` as a teacher: fills every form without a language model, so that the whole pipeline can be tried offline."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random

from data_gen.asking import Answer, Failure, Request
from data_gen.hierarchy import Hierarchy, Leaf
from data_gen.interruptible import STOPPED, Interruptible
from data_gen.preferences import DIMENSIONS, Dimension
from data_gen.system_message import write


class EchoTeacher(Interruptible):
    """Answers from the hierarchy and the request alone; the answer is a function of the request."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        self._hierarchy = hierarchy

    async def ask(self, request: Request) -> Answer | Failure:
        """Answer at once, but let others have their turn: a wish to stop must be heard."""
        await asyncio.sleep(0)
        await self.until_it_may_run()
        if self.is_stopped:
            return STOPPED
        told = "\x00".join(message.content for message in request.conversation.messages)
        seed = int.from_bytes(hashlib.sha256(f"{request.sampling.seed}:{told}".encode()).digest()[:8])
        text = self._answer(request, told, random.Random(seed))
        return Answer(text, "stop", len(told.split()), len(text.split()))

    def _answer(self, request: Request, told: str, rng: random.Random) -> str:
        title = (request.answer_schema or {}).get("title")
        drawn = [rng.choice(self._free(name, told)) for name in DIMENSIONS]
        if title == "SetAnswer":
            parts = ("subdimension", "preference", "description")
            return json.dumps({leaf.dimension: leaf.model_dump(include=set(parts)) for leaf in drawn})
        if title == "Rubric":
            scores = {
                str(score): f"An echo of the score {score}: no language model wrote this." for score in range(1, 6)
            }
            return json.dumps({"criteria": "Does the answer fulfil the wish?", "score_descriptions": scores})
        if request.conversation.system is None:
            return write(drawn, seed=rng.randrange(2**31)).text
        asked = request.conversation.messages[-1].content
        opening = request.conversation.system.partition(".")[0]
        return f"I was told: {opening}. You asked: {asked} I only repeat; I am not a language model."

    def _free(self, dimension: Dimension, told: str) -> list[Leaf]:
        """Return what the request does not name as taken by an earlier set; if all is taken, everything."""
        leaves = [leaf for leaf in self._hierarchy.leaves.values() if leaf.dimension == dimension]
        return (
            [leaf for leaf in leaves if f"{dimension}: {leaf.subdimension} (" not in told]
            or [leaf for leaf in leaves if f"({leaf.preference})" not in told]
            or leaves
        )
