"""`echo:` as a teacher: fills every form without a language model, so that the whole pipeline can be tried offline."""

from __future__ import annotations

import hashlib
import json
import random

from data_gen.asking import Answer, Request
from data_gen.hierarchy import Hierarchy
from data_gen.preferences import DIMENSIONS
from data_gen.system_message import write


class EchoTeacher:
    """Answers from the hierarchy and the request alone; the answer is a function of the request."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy

    async def ask(self, request: Request) -> Answer:
        told = "\x00".join(message.content for message in request.conversation.messages)
        seed = int.from_bytes(hashlib.sha256(f"{request.sampling.seed}:{told}".encode()).digest()[:8])
        text = self._answer(request, random.Random(seed))
        return Answer(text, "stop", len(told.split()), len(text.split()))

    def _answer(self, request: Request, rng: random.Random) -> str:
        title = (request.answer_schema or {}).get("title")
        leaves = list(self._hierarchy.leaves.values())
        drawn = [rng.choice([leaf for leaf in leaves if leaf.dimension == name]) for name in DIMENSIONS]
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
