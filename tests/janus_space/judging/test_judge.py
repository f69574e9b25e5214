"""One question to a judge: asked again until it can be read, and never given a verdict that it did not say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from data_gen.asking import Answer, Failure, Request
from data_gen.errors import WorkHalted
from data_gen.records import Rubric, ScoreDescriptions
from janus_space.judging.judge import ATTEMPTS, Judge
from janus_space.judging.pairwise import compare
from janus_space.judging.rating import RatingQuestion, rate
from janus_space.judging.rubric import RubricQuestion, grade

RUBRIC = Rubric(
    criteria="Is it brief?",
    score_descriptions=ScoreDescriptions(one="No.", two="Hardly.", three="Partly.", four="Mostly.", five="Yes."),
)
QUESTION = RubricQuestion("What is a tree?", "A plant.", "A tall plant.", RUBRIC, "Be brief.")


class Says:
    """Says one thing after another; the last one stays."""

    def __init__(self, *replies: Answer | Failure | str) -> None:
        self.replies: Sequence[Answer | Failure] = [
            Answer(reply, "stop") if isinstance(reply, str) else reply for reply in replies
        ]
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Answer | Failure:
        self.asked.append(request)
        return self.replies[min(len(self.asked), len(self.replies)) - 1]


def test_the_form_is_asked_for_and_the_reply_is_read() -> None:
    asker = Says('{"feedback": "Brief.", "score": 5}')
    found = asyncio.run(grade(Judge("j", asker), QUESTION))
    assert (found.verdict, found.feedback, found.fault) == (5, "Brief.", None)
    (request,) = asker.asked
    assert request.answer_schema is not None
    assert request.answer_schema["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]
    prompt = request.conversation.messages[-1].content
    assert all(f"<{name} " in prompt for name in ("system", "prompt", "answer", "reference", "rubric"))
    assert "\n  " in prompt  # the rubric is indented JSON


def test_a_reply_that_cannot_be_read_is_asked_for_again_as_another_draw_and_ends_unscored() -> None:
    asker = Says("Nice.", Answer('{"feedback": "cut", "score": 4}', "length"), "Fine. [RESULT] 4")
    assert asyncio.run(grade(Judge("j", asker), QUESTION)).verdict == 4
    assert [request.draw for request in asker.asked] == [0, 1, 2]

    hopeless = asyncio.run(grade(Judge("j", Says("Nice.")), QUESTION))
    assert (hopeless.verdict, hopeless.fault, hopeless.reply) == (None, "it does not end with a score.", "Nice.")
    assert hopeless.as_row()["unscored"] == "it does not end with a score."
    assert ATTEMPTS == 3


def test_a_failure_is_unscored_and_a_halt_ends_the_work() -> None:
    failed = asyncio.run(grade(Judge("j", Says(Failure("failed", "It timed out."))), QUESTION))
    assert (failed.verdict, failed.fault) == (None, "It timed out.")
    with pytest.raises(WorkHalted, match="No money"):
        asyncio.run(grade(Judge("j", Says(Failure("halted", "No money."))), QUESTION))


def test_runs_differ_by_their_seeds_and_keys() -> None:
    asker = Says('{"feedback": "", "score": 3}')
    judge = Judge("j", asker, seed=7)
    keys = {asyncio.run(grade(judge, QUESTION, run)).key for run in range(3)}
    assert len(keys) == 3
    assert len({request.sampling.seed for request in asker.asked}) == 3


def test_the_papers_parser_asks_for_text_and_takes_the_first_number_it_finds() -> None:
    asker = Says("The answer says [RESULT] 9. [RESULT] 1")
    found = asyncio.run(grade(Judge("j", asker, is_paper_parser=True), QUESTION))
    assert found.verdict == 9
    assert asker.asked[0].answer_schema is None
    assert "[RESULT]" in asker.asked[0].conversation.messages[-1].content


def test_rating_shows_earlier_turns_and_references() -> None:
    asker = Says('{"explanation": "Right.", "rating": 10}')
    question = RatingQuestion([("2+2?", "4", "4"), ("Times 3?", "12", "12")])
    assert asyncio.run(rate(Judge("j", asker), question)).verdict == 10
    prompt = asker.asked[0].conversation.messages[-1].content
    assert prompt.count("<reference ") == 2
    assert "<earlier " in prompt
    assert asker.asked[0].sampling.temperature == 0


class LikesTheFirst:
    """Prefers whatever stands first, but for an answer that is much better."""

    async def ask(self, request: Request) -> Answer | Failure:
        prompt = request.conversation.messages[-1].content
        is_better_first = prompt.find("MUCH BETTER") < prompt.find("<answer-b ")
        if "MUCH BETTER" in prompt and not is_better_first:
            return Answer("[[B>A]]", "stop")
        return Answer('{"explanation": "", "verdict": "A>>B"}', "stop")


def test_both_orders_cancel_a_liking_for_a_place() -> None:
    judge = Judge("j", LikesTheFirst())
    games = asyncio.run(compare(judge, "Why?", "Because.", "Therefore."))
    assert (games.steps, games.preference) == ((2, -2), 0.5)
    assert asyncio.run(compare(judge, "Why?", "MUCH BETTER", "Therefore.")).preference == 0.875
    assert asyncio.run(compare(judge, "Why?", "Because.", "MUCH BETTER")).preference == 0.125


def test_a_game_without_a_verdict_gives_no_preference() -> None:
    assert asyncio.run(compare(Judge("j", Says("[[A>B]]", "Hm.")), "Why?", "1", "2")).preference is None


def test_a_judge_may_be_held_to_short_replies_and_never_to_longer_ones() -> None:
    asker = Says('{"feedback": "Brief.", "score": 5}')
    for most in (None, 256, 10_000):
        asyncio.run(grade(Judge("j", asker, most_tokens=most), QUESTION))
    assert [request.sampling.max_new_tokens for request in asker.asked] == [1024, 256, 1024]
