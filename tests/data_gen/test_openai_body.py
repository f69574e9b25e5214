"""The request's body holds what the endpoint bears, and nothing that a strict one refuses."""

from __future__ import annotations

import pytest

from data_gen.chat import Conversation, Sampling
from data_gen.openai_body import request_body


@pytest.mark.parametrize(
    ("base_url", "present", "absent"),
    [
        (
            "https://api.openai.com/v1",
            {"max_completion_tokens"},
            {"max_tokens", "repetition_penalty", "repeat_penalty"},
        ),
        ("https://api.example.com/v1", {"max_tokens"}, {"max_completion_tokens", "repetition_penalty"}),
        ("http://gpu-box:8000/v1", {"max_tokens", "repetition_penalty", "repeat_penalty"}, {"max_completion_tokens"}),
        ("http://192.168.1.7:8000/v1", {"repetition_penalty", "repeat_penalty"}, {"max_completion_tokens"}),
    ],
)
def test_unknown_fields_go_only_to_servers_that_bear_them(base_url: str, present: set[str], absent: set[str]) -> None:
    names = request_body("m", base_url, Conversation.ask("Which way?"), Sampling()).keys()
    assert present <= names
    assert not absent & names
