from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import BaseModel, ConfigDict, Field

from data_gen.asking import Answer, Failure, Request
from data_gen.chat import Conversation, Sampling
from data_gen.prompts import Prompts
from data_gen.structured import NodeFailed, ask_until, form_reader, in_words, read_json


class Pet(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    legs: int = Field(ge=0)


class Recorded:
    """Gives the recorded answers in turn and remembers what was asked."""

    def __init__(self, *replies: str | Failure) -> None:
        self.replies: Sequence[str | Failure] = replies
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Answer | Failure:
        self.asked.append(request)
        reply = self.replies[len(self.asked) - 1]
        return reply if isinstance(reply, Failure) else Answer(reply, "stop")


def ask(asker: Recorded) -> Pet:
    request = Request(Conversation.ask("Name a pet."), Sampling(seed=7))
    return asyncio.run(ask_until(asker, request, form_reader(Pet), Prompts()))


GOOD = '{"name": "Rex", "legs": 4}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! Here is it:\n{GOOD}\nAnything else?",
        '{"name": "Rex", "legs": 4,}',
        'In the form {so}: {"name": "Rex", "legs": 4,\n}',
        '{\n "name": "Rex",\n "legs": 4\n} {"name": "Second"}',
    ],
)
def test_json_is_found_in_what_models_write(text: str) -> None:
    assert read_json(text) == {"name": "Rex", "legs": 4}


def test_strings_are_left_alone() -> None:
    assert read_json('{"a": "x,} \\" ,]", "b": "two\nlines",}') == {"a": 'x,} " ,]', "b": "two\nlines"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I would rather not.", "holds no JSON object"),
        ('{"name": Rex}', "not valid JSON"),
        ('{"inner": {"name": "Rex"}, "more": ', "not valid JSON"),
        ("{" * 100_000, "not valid JSON"),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_said_so(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_json(text)


def test_a_cut_off_answer_is_asked_for_shorter() -> None:
    with pytest.raises(ValueError, match="write a shorter one"):
        read_json('{"name": "Re', is_cut_off=True)


def test_a_good_answer_is_asked_for_once() -> None:
    asker = Recorded(GOOD)
    assert ask(asker) == Pet(name="Rex", legs=4)
    assert len(asker.asked) == 1


def test_a_bad_answer_is_asked_for_again_with_the_checkers_words() -> None:
    asker = Recorded('{"name": "Rex", "legs": -1}', GOOD)
    assert ask(asker).legs == 4
    first, second = asker.asked
    said, complaint = second.conversation.messages[-2:]
    assert (said.role, said.content) == ("assistant", '{"name": "Rex", "legs": -1}')
    assert "legs: Input should be greater than or equal to 0" in complaint.content
    assert second.conversation.messages[:1] == first.conversation.messages


def test_a_third_request_quotes_only_the_last_answer() -> None:
    asker = Recorded("no", "never", GOOD)
    ask(asker)
    assert [message.content for message in asker.asked[2].conversation.messages[:2]] == ["Name a pet.", "never"]


def test_the_same_bad_answer_does_not_make_the_same_request() -> None:
    asker = Recorded("no", "no", GOOD)
    ask(asker)
    assert len({repr(request) for request in asker.asked}) == 3


def test_an_empty_answer_is_drawn_again() -> None:
    asker = Recorded(" ", "", GOOD)
    ask(asker)
    assert [request.draw for request in asker.asked] == [0, 1, 2]
    assert len({request.conversation for request in asker.asked}) == 1


def test_it_gives_up_with_the_last_answer_and_the_reason() -> None:
    with pytest.raises(NodeFailed) as caught:
        ask(Recorded("a", "b", "c"))
    assert (caught.value.kind, caught.value.raw) == ("unusable", "c")
    assert "After 3 answers: it holds no JSON object" in caught.value.reason


def test_a_failed_request_is_not_asked_again_here() -> None:
    asker = Recorded("a", Failure("failed", "500 five times"))
    with pytest.raises(NodeFailed) as caught:
        ask(asker)
    assert (caught.value.kind, caught.value.reason, caught.value.raw) == ("failed", "500 five times", "a")


def test_many_complaints_are_cut_short() -> None:
    class Many(BaseModel):
        a: int
        b: int
        c: int
        d: int
        e: int
        f: int

    with pytest.raises(ValueError, match="validation errors") as caught:
        Many.model_validate({})
    assert in_words(caught.value).endswith("d: Field required; and 2 more.")
