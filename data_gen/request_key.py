"""What makes two requests the same one: the key under which an answer is kept and found again."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from data_gen.asking import Request


class RequestKey(NamedTuple):
    """A digest of all that shapes the answer, and beside it the limit that only cuts it short.

    The limit is no part of the digest: an answer that ended by itself is the same under every limit it fits into.
    """

    digest: bytes
    max_new_tokens: int

    @property
    def as_text(self) -> str:
        """Return the key as one word, such as a batch's `custom_id`."""
        return f"{self.digest.hex()}-{self.max_new_tokens}"

    @classmethod
    def parse(cls, text: str) -> RequestKey:
        """Read what `as_text` wrote; raise ValueError for anything else."""
        digest, _, limit = text.partition("-")
        return cls(bytes.fromhex(digest), int(limit))


def request_key(model: str, request: Request) -> RequestKey:
    """Return the key of a request to this model, whoever serves it, with whatever key and in whatever run."""
    sampling = request.sampling
    shaping = {
        "model": model,
        "messages": [[message.role, message.content] for message in request.conversation.messages],
        # By name: a knob added to Sampling one day must not change the keys of answers already paid for.
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "stop": sampling.stop,
        "schema": request.answer_schema,
        "draw": request.draw,
    }
    canonical = json.dumps(shaping, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return RequestKey(hashlib.sha256(canonical.encode()).digest(), sampling.max_new_tokens)
