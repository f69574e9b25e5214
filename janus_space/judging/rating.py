"""Rating one answer from 1 to 10, as MT-Bench does (arXiv:2306.05685), with a reference answer where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from janus_space.judging.fence import fenced
from janus_space.judging.judge import PROMPTS, SAMPLING, Judge, Judgement
from janus_space.judging.reply import score_reader

_FORM = 'Reply with one JSON object and nothing else: {"explanation": "your explanation", "rating": the rating}'
_SAMPLING = SAMPLING.model_copy(update={"temperature": 0.0, "top_p": 1.0, "max_new_tokens": 2048})

_read = score_reader(1, 10, "rating")


class RatingVerdict(BaseModel):
    """The form of a reply."""

    model_config = ConfigDict(extra="forbid")

    explanation: str
    rating: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


@dataclass(frozen=True)
class RatingQuestion:
    """A conversation whose last answer is rated: (prompt, answer, reference answer or None) a turn."""

    turns: Sequence[tuple[str, str, str | None]]
    system: str | None = None

    def text(self) -> str:
        """Write the question out; earlier turns are shown, and are not rated."""
        *earlier, (prompt, answer, _) = self.turns
        shown = []
        if self.system:
            shown.append(f"The system message, which the answer has to follow:\n{fenced('system', self.system)}")
        for past_prompt, past_answer, _ in earlier:
            shown.append(f"Earlier the user asked:\n{fenced('prompt', past_prompt)}")
            shown.append(f"And the assistant answered, which is not rated here:\n{fenced('earlier', past_answer)}")
        shown.append(f"What the user asked{' then' if earlier else ''}:\n{fenced('prompt', prompt)}")
        references = [reference for _, _, reference in self.turns if reference]
        guides = [fenced("reference", reference) for reference in references]
        return PROMPTS.fill(
            "rating",
            asked="\n\n".join(shown),
            reference="Right answers to hold it against, in the order of the questions:\n" + "\n".join(guides)
            if guides
            else "No reference answer is given.",
            answer=fenced("answer", answer),
            form=_FORM,
        )


async def rate(judge: Judge, question: RatingQuestion, run: int = 0) -> Judgement[int]:
    """Ask for one rating."""
    return await judge.ask(question.text(), RatingVerdict, _read, run, _SAMPLING)
