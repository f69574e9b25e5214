"""The body of a chat completion request, as the endpoint it goes to understands it."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

import httpx2

from data_gen.chat import Conversation, Sampling
from data_gen.openai_spec import is_openai

Dialect = Literal["openai", "engine"]


def request_body(
    model: str, base_url: str, conversation: Conversation, sampling: Sampling, dialect: Dialect = "openai"
) -> dict[str, Any]:
    """Build the body of a request for one whole answer."""
    length_name = "max_completion_tokens" if is_openai(base_url) else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "messages": conversation.as_dicts(),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        length_name: sampling.max_new_tokens,
        **_repetition_penalty(base_url, dialect, sampling.repetition_penalty),
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body


def _repetition_penalty(base_url: str, dialect: Dialect, penalty: float) -> dict[str, float]:
    """Name the penalty as the endpoint understands it.

    OpenAI's format has none. vLLM calls it `repetition_penalty`, llama.cpp `repeat_penalty`, and servers that one runs
    oneself ignore what they do not know (Ollama ignores both); hosted APIs refuse unknown fields. So both names go to
    addresses of one's own network, and none elsewhere. What was sent stands in `Completion.sent`.
    """
    if dialect == "engine":
        return {"repetition_penalty": penalty}
    if _is_in_own_network(base_url):
        return {"repetition_penalty": penalty, "repeat_penalty": penalty}
    return {}


def _is_in_own_network(base_url: str) -> bool:
    name = httpx2.URL(base_url).host
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return "." not in name or name.endswith((".local", ".internal"))
