from __future__ import annotations

from dataclasses import replace

import pytest

from data_gen.asking import Request
from data_gen.chat import Conversation, Sampling
from data_gen.request_key import RequestKey, request_key

ASK = Request(Conversation.ask("Which way?", system="Be brief."), Sampling())


def test_equal_requests_have_one_key_that_never_changes() -> None:
    # Written down: a change here would make everybody pay for every answer again.
    digest = "30ff95bce0221f5b79a9ae14bbc42ec7fd8d3c042d1d1dc499d4b28cbf377ad2"
    assert request_key("m", ASK) == RequestKey(bytes.fromhex(digest), 256)
    assert request_key("m", ASK) == request_key("m", Request(Conversation.ask("Which way?", "Be brief."), Sampling()))


@pytest.mark.parametrize(
    "other",
    [
        replace(ASK, conversation=Conversation.ask("Which way?")),
        replace(ASK, conversation=Conversation.ask("Which way?", system="Be brief!")),
        replace(ASK, sampling=Sampling(temperature=0.5)),
        replace(ASK, sampling=Sampling(seed=1)),
        replace(ASK, sampling=Sampling(stop=("\n",))),
        replace(ASK, answer_schema={"type": "object"}),
        replace(ASK, draw=1),
    ],
)
def test_whatever_shapes_the_answer_changes_the_key(other: Request) -> None:
    assert request_key("m", other).digest != request_key("m", ASK).digest


def test_the_model_shapes_the_answer_and_the_limit_does_not() -> None:
    assert request_key("n", ASK).digest != request_key("m", ASK).digest
    longer = request_key("m", replace(ASK, sampling=Sampling(max_new_tokens=1000)))
    assert (longer.digest, longer.max_new_tokens) == (request_key("m", ASK).digest, 1000)


def test_a_schema_is_the_same_in_any_order_of_its_fields() -> None:
    one, other = replace(ASK, answer_schema={"a": 1, "b": 2}), replace(ASK, answer_schema={"b": 2, "a": 1})
    assert request_key("m", one) == request_key("m", other)


def test_a_key_survives_being_written_as_text() -> None:
    assert RequestKey.parse(request_key("m", ASK).as_text) == request_key("m", ASK)
    with pytest.raises(ValueError, match="hexadecimal"):
        RequestKey.parse("row-17")
