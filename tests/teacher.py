"""A teacher over real HTTP whose answer is a function of the request; words in an instruction make it misbehave."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Awaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from data_gen.preferences import DIMENSIONS
from tests.endpoint import Asked, fails, says

WORDS = re.findall(
    r"\w+",
    "amber bridge candle desert ember forest garden harbour island jasmine kettle lantern meadow needle orchard pepper"
    " quarry river saddle timber umbrella valley willow yonder zephyr",
)


def level(body: dict[str, Any]) -> str:
    """Tell from a request's wording which node of the tree asks."""
    messages = body["messages"]
    if messages[0]["role"] == "system":
        return "response"
    first = messages[0]["content"]
    if '"criteria"' in first:
        return "rubric"
    return "preference_set" if '"informativeness"' in first else "system_message"


def answer(body: dict[str, Any]) -> str:
    """Answer well, unless the instruction asks for a fault by name."""
    told = body["messages"][0]["content"]
    asked = told if level(body) != "response" else body["messages"][1]["content"]
    number = int.from_bytes(hashlib.sha256(json.dumps(body["messages"]).encode()).digest()[:8])
    if level(body) == "response":
        return "  " if "EMPTY-ANSWER" in asked else f"{words(number, 30)}."
    if level(body) == "system_message":
        return f"You are a guide. You {words(number, 130)}."
    if level(body) == "rubric":
        scores = {str(score): words(number + score, 15) for score in range(1, 6)}
        return json.dumps({"criteria": words(number, 20) + "?", "score_descriptions": scores})
    if "NO-JSON" in asked or ("WRONG-AT-FIRST" in asked and len(body["messages"]) == 1):
        return "I would rather not."
    found = json.dumps(preference_set(number))
    return f"Here you are:\n```json\n{found[:-1]},}}\n```" if "FENCED" in asked else found


def preference_set(number: int) -> dict[str, dict[str, str]]:
    """Invent a set that hardly any other number gives."""
    return {
        name: {
            "subdimension": f"{words(number + place, 1)}-{number % 9973}",
            "preference": f"{words(number * 3 + place, 3)} {number % 99991}",
            "description": f"The answer should {words(number * 7 + place, 48)}.",
        }
        for place, name in enumerate(DIMENSIONS)
    }


def words(number: int, count: int) -> str:
    """Spell a number out in so many words."""
    picked = []
    for _ in range(count):
        number = (number * 6364136223846793005 + 1442695040888963407) % 2**64
        picked.append(WORDS[(number >> 33) % len(WORDS)])
    return " ".join(picked)


class ScriptedTeacher:
    """The endpoint's reply: counts what is asked by level, refuses REFUSED, and fails at first for FLAKY."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self.completion_tokens = 0

    def __call__(self, request: Request, asked: Asked) -> Awaitable[Response]:
        messages = json.dumps(asked.body["messages"])
        self.asked[level(asked.body)] += 1
        self.bodies[json.dumps(asked.body, sort_keys=True)] += 1
        if "REFUSED" in messages:
            return fails(400, "this will not do")(request, asked)
        if "FLAKY" in messages and self.bodies[json.dumps(asked.body, sort_keys=True)] == 1:
            return fails(500, "for once")(request, asked)
        self.completion_tokens += len(answer(asked.body).split(" "))
        return says(answer)(request, asked)
