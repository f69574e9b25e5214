"""Grading by a rubric (kaistAI/Janus, run_eval_openai.py): one answer, one rubric, one score from 1 to 5."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from data_gen.records import Rubric, as_columns
from janus_space.judging.fence import asked, fenced
from janus_space.judging.judge import PROMPTS, Judge, Judgement
from janus_space.judging.paper_reply import read_as_the_paper
from janus_space.judging.reply import score_reader

_AS_JSON = 'Reply with one JSON object and nothing else: {"feedback": "your feedback", "score": the score}'
_AS_TEXT = "End your reply with [RESULT] and the score, such as [RESULT] N, and write nothing after it."

_read = score_reader(1, 5)


class RubricVerdict(BaseModel):
    """The form of a reply; feedback comes first, so that the score rests on it."""

    model_config = ConfigDict(extra="forbid")

    feedback: str
    score: Literal[1, 2, 3, 4, 5]


@dataclass(frozen=True)
class RubricQuestion:
    """What the judge is shown; without `system` it knows of the system message only through the rubric."""

    prompt: str
    answer: str
    reference: str
    rubric: Rubric
    system: str | None = None

    def text(self, is_json: bool = True) -> str:
        """Write the question out."""
        return PROMPTS.fill(
            "rubric",
            asked=asked(self.prompt, self.system),
            answer=fenced("answer", self.answer),
            reference=fenced("reference", self.reference),
            rubric=fenced("rubric", json.dumps(as_columns(self.rubric), ensure_ascii=False, indent=2)),
            form=_AS_JSON if is_json else _AS_TEXT,
        )


async def grade(judge: Judge, question: RubricQuestion, run: int = 0) -> Judgement[int]:
    """Ask for one score; with the paper's parser it may be any number."""
    if judge.is_paper_parser:
        return await judge.ask(question.text(is_json=False), None, read_as_the_paper, run)
    return await judge.ask(question.text(), RubricVerdict, _read, run)
