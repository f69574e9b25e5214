"""Ask an engine how likely its model finds given answers, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx2

from data_gen.chat import Conversation
from janus_space.engine.process import EngineFailed
from janus_space.errors import ScoringRefused

# Bounds what a cancelled request leaves undone and what one reply holds; an influence view is one request.
ITEMS_A_REQUEST = 64

# The engine's silence is work, and one that has died closes its connections at once.
_PATIENCE = httpx2.Timeout(900.0, connect=5.0)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Endpoint(Protocol):
    """Where an engine answers: a URL that ends in /v1, and the token it wants."""

    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str: ...


class ScoreItem(NamedTuple):
    """An answer to be scored after a conversation."""

    conversation: Conversation
    answer: str


class TokenScores(NamedTuple):
    """An answer's tokens, which put together are the answer, and each one's log-probability (nats)."""

    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.logprobs) / len(self.logprobs)


async def score(endpoint: Endpoint, model: str, items: Sequence[ScoreItem]) -> list[TokenScores]:
    """Score every item, in order. Cancelling hangs up, and the engine then stops.

    Raises:
        ScoringRefused: an item cannot be scored, such as one that is too long
        EngineFailed: the engine has ended or failed, or cannot load the adapter
    """
    if urlsplit(endpoint.url).hostname not in _LOOPBACK:
        raise EngineFailed("The engine is not on this machine: scores are asked for on loopback only.")
    scores: list[TokenScores] = []
    headers = {"authorization": f"Bearer {endpoint.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=_PATIENCE, trust_env=False) as client:
        for first in range(0, len(items), ITEMS_A_REQUEST):
            part = items[first : first + ITEMS_A_REQUEST]
            asked = [{"messages": item.conversation.as_dicts(), "answer": item.answer} for item in part]
            try:
                reply = await client.post(f"{endpoint.url}/score", json={"model": model, "items": asked})
            except httpx2.TransportError as error:
                raise EngineFailed(
                    f"The engine of {model} has ended while scoring; ask again to restart it."
                ) from error
            scores += _read(reply, model, len(part))
    return scores


def _read(reply: httpx2.Response, model: str, expected: int) -> list[TokenScores]:
    try:
        told: Any = reply.json()
        if reply.status_code == httpx2.codes.OK:
            scores = [TokenScores(tuple(one["tokens"]), tuple(one["logprobs"])) for one in told["scores"]]
            if len(scores) == expected:
                return scores
        elif reply.status_code == httpx2.codes.BAD_REQUEST:
            raise ScoringRefused(str(told["error"]["message"]))
        elif reply.status_code == httpx2.codes.NOT_FOUND:  # an adapter that cannot be loaded
            raise EngineFailed(str(told["error"]["message"]))
    except (ValueError, KeyError, TypeError):
        pass  # not the reply of an engine in good health
    raise EngineFailed(f"The engine of {model} failed while scoring (HTTP {reply.status_code}); its log says why.")
