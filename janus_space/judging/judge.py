"""A model that judges: asked one question at a time, through whoever answers for it, and read with care."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from pydantic import BaseModel

from data_gen.answers import schema_of
from data_gen.asking import Answer, Asker, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.errors import WorkHalted
from data_gen.prompts import Prompts
from janus_space.judging.reply import Read, Unreadable, Verdict

PROMPTS = Prompts(Path(__file__).parent / "prompts")
ATTEMPTS = 3
"""How often a question is asked until its reply can be read."""

# The paper's parameters (kaistAI/Janus, utils/prompts.py), without the penalty, which would punish repeated verdicts.
SAMPLING = Sampling(temperature=1.0, top_p=0.9, repetition_penalty=1.0, max_new_tokens=1024)
_SEEDS_A_RUN = 1000


@dataclass(frozen=True)
class Judgement(Generic[Verdict]):
    """What the judge found; `fault` says why there is no verdict, where there is none."""

    key: str
    verdict: Verdict | None
    feedback: str
    reply: str
    fault: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the columns of judgements.jsonl."""
        row = {"key": self.key, "score": self.verdict, "feedback": self.feedback}
        return row if self.fault is None else {**row, "unscored": self.fault, "reply": self.reply}


@dataclass(frozen=True)
class Judge:
    """Who judges; runs differ by their seeds. `is_paper_parser` asks for no JSON and reads as the paper's code; a reply
    of more than `most_tokens`, where they are given, is cut off and thus unreadable.
    """

    spec: str
    asker: Asker
    seed: int = 0
    is_paper_parser: bool = False
    most_tokens: int | None = None

    async def ask(
        self,
        prompt: str,
        form: type[BaseModel] | None,
        read: Read[Verdict],
        run: int = 0,
        sampling: Sampling = SAMPLING,
    ) -> Judgement[Verdict]:
        """Ask until a verdict can be read, a few times at most; a question that fails gives an unscored judgement.

        Raises:
            WorkHalted: nothing more can be asked for now (budget, disk, a wish to stop)
        """
        most = min(sampling.max_new_tokens, self.most_tokens or sampling.max_new_tokens)
        seed = (self.seed + _SEEDS_A_RUN * run) % 2**31
        seeded = sampling.model_copy(update={"seed": seed, "max_new_tokens": most})
        conversation = Conversation.ask(prompt, PROMPTS.text("judge"))
        schema = None if form is None else schema_of(form)
        key, reply, fault = _key(self.spec, prompt, run), "", ""
        for draw in range(ATTEMPTS):
            said = await self.asker.ask(Request(conversation, seeded, schema, draw))
            if isinstance(said, Failure):
                if said.kind == "halted":
                    raise WorkHalted(said.reason)
                return Judgement(key, None, "", "", said.reason)
            reply = said.text
            try:
                verdict, feedback = read(_whole(said))
            except Unreadable as error:
                fault = str(error)
            else:
                return Judgement(key, verdict, feedback, reply)
        return Judgement(key, None, "", reply, fault)


def _whole(said: Answer) -> str:
    if said.finish_reason != "stop":
        raise Unreadable("it was cut off before it ended.")
    return said.text


def _key(spec: str, prompt: str, run: int) -> str:
    return hashlib.sha256(f"{spec}\0{run}\0{prompt}".encode("utf-8", "replace")).hexdigest()[:32]
