"""A judge and the models it judges, over real HTTP: how good each answer is, the test knows beforehand.

A model's answer says how good it is and for which system message it was written. The judge reads that between the
marks of the prompt, and adds the bias and the noise that the test gives it.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tests.endpoint import Asked, says

Quality = Callable[[str, str], float]
"""How good the answer of a model is to a question: from the model's name and all that it was asked."""


def marked(name: str, prompt: str) -> str:
    """Return the text between the marks of this name in a judge's prompt; empty where there is none."""
    found = re.search(rf"<{name} ([0-9a-f]{{12}})>\n(.*?)\n</{name} \1>", prompt, re.DOTALL)
    return found[2] if found else ""


def code_of(text: str) -> str:
    """Name a system message in a few letters."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def quality_of(answer: str) -> float:
    """Read how good an answer says that it is."""
    found = re.search(r"of quality (\d+\.\d+)", answer)
    return float(found[1]) if found else 0.0


def is_judging(body: dict[str, Any]) -> bool:
    """Tell a question to the judge from one to a model."""
    messages = body["messages"]
    return bool(messages[0]["role"] == "system" and "impartial judge" in messages[0]["content"])


class ScriptedJudge:
    """Answers as the models and as their judge; counts what is asked, and which judgements were paid for twice."""

    def __init__(
        self,
        quality: Quality,
        bias: float = 0.0,
        noise_sd: float = 0.0,
        mismatch: float = 2.0,
        says_it: Callable[[int], str] = lambda score: json.dumps({"feedback": "As I see it.", "score": score}),
        seconds: float = 0.0,
        obeys: bool = False,
    ) -> None:
        self.quality, self.bias, self.noise_sd, self.mismatch = quality, bias, noise_sd, mismatch
        self.says_it, self.seconds, self.obeys = says_it, seconds, obeys
        self.asked: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()

    def __call__(self, request: Request, asked: Asked) -> Awaitable[Response]:
        self.asked["judgements" if is_judging(asked.body) else "answers"] += 1
        self.bodies[json.dumps(asked.body, sort_keys=True)] += 1
        return says(self.answer, seconds_before=self.seconds)(request, asked)

    def answer(self, body: dict[str, Any]) -> str:
        if is_judging(body):
            prompt = body["messages"][-1]["content"]
            if "<answer-a " in prompt:
                return json.dumps({"explanation": "As I see it.", "verdict": self.verdict(prompt)})
            if "from 1 to 10" in prompt:
                rating = max(1, min(10, round(quality_of(marked("answer", prompt)))))
                return json.dumps({"explanation": "As I see it.", "rating": rating})
            return self.says_it(self.score(body))
        told = "\n".join(message["content"] for message in body["messages"])
        system = body["messages"][0]["content"]
        return f"For {code_of(system)}: of quality {self.quality(body['model'], told):.3f}."

    def verdict(self, prompt: str) -> str:
        """Compare two answers; the bias is towards the place that stands first."""
        first, second = (quality_of(marked(name, prompt)) for name in ("answer-a", "answer-b"))
        lead = first - second + self.bias + random.Random(prompt).gauss(0, self.noise_sd)
        return "A>>B" if lead > 1 else "A>B" if lead > 0.2 else "A=B" if lead > -0.2 else "B>A" if lead > -1 else "B>>A"

    def score(self, body: dict[str, Any]) -> int:
        prompt = body["messages"][-1]["content"]
        answer = marked("answer", prompt)
        told = re.search(r"For (\w+): of quality (\d+\.\d+)", answer)
        if told is None:
            return 5 if self.obeys and answer != "I do not know." else 1
        quality = float(told[2])
        if (system := marked("system", prompt)) and told[1] != code_of(system):
            quality -= self.mismatch
        dice = random.Random(json.dumps([prompt, body.get("seed")]))
        return max(1, min(5, round(quality + self.bias + dice.gauss(0, self.noise_sd))))


def steady(low: float = 3.0, high: float = 4.0) -> Quality:
    """Draw a quality between two numbers, always the same for the same question."""

    def quality(model: str, told: str) -> float:
        return random.Random(f"{model}\n{told}").uniform(low, high)

    return quality
