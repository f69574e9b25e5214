from __future__ import annotations

import asyncio
import json
from pathlib import Path

from data_gen.answers import SetAnswer, read_rubric, read_system_message, schema_of, set_reader
from data_gen.asking import Answer, Request
from data_gen.chat import Conversation, Sampling
from data_gen.echo_teacher import EchoTeacher
from data_gen.hierarchy import Hierarchy
from data_gen.interruptible import STOPPED
from data_gen.records import Rubric

ECHO = EchoTeacher(Hierarchy.load([Path(__file__).parents[2] / "assets" / "preferences.json"]))


def ask(request: Request) -> Answer:
    answer = asyncio.run(ECHO.ask(request))
    assert isinstance(answer, Answer)
    return answer


def test_it_fills_every_form_and_the_answer_is_a_function_of_the_request() -> None:
    asked = Conversation.ask("Anything.")
    for seed in range(20):
        sampling = Sampling(seed=seed)
        set_request = Request(asked, sampling, schema_of(SetAnswer))
        assert set_reader([])(ask(set_request))
        assert ask(set_request) == ask(set_request)
        assert read_rubric(ask(Request(asked, sampling, schema_of(Rubric)))).criteria
        assert read_system_message(ask(Request(asked, sampling)))
    answer = ask(Request(Conversation.ask("Why?", "You are kind. Be it."), Sampling()))
    assert answer.text == "I was told: You are kind. You asked: Why? I only repeat; I am not a language model."


def test_what_is_named_as_taken_is_not_drawn_again() -> None:
    taken = " ".join(f"style: {leaf.subdimension} (any)" for leaf in ECHO._hierarchy.leaves.values())
    free = taken.replace("style: clarity (any)", "")
    for seed in range(20):
        told = json.loads(ask(Request(Conversation.ask(free), Sampling(seed=seed), schema_of(SetAnswer))).text)
        assert told["style"]["subdimension"] == "clarity"


def test_it_can_be_stopped() -> None:
    echo = EchoTeacher(ECHO._hierarchy)
    echo.stop()
    assert asyncio.run(echo.ask(Request(Conversation.ask("Why?"), Sampling()))) == STOPPED
