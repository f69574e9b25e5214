"""Answers in a form: of each next token only those are left from which JSON of a schema can still be reached.

So a model of any size answers judges' and teachers' requests (`response_format`) in a way that can be read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from torch import Tensor

_LAYOUT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class FormRefused(ValueError):
    """A schema that no answer can be held to; the sentence says why."""


class Form:
    """One answer's way through a schema."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def restrict(self, logits: Tensor) -> Tensor:
        """Rule out, of (vocabulary,) logits, what the form does not allow next."""
        allowed = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        return logits.masked_fill(allowed[: len(logits)].to(logits.device) == 0, float("-inf"))

    def take(self, token: int) -> None:
        """Go on by the token that was chosen."""
        self._matcher.consume_token(token)


class Forms:
    """Makes forms for the tokens of one model. `ends` are the tokens that end an answer."""

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Iterable[int]) -> None:
        self._tokenizer, self._vocabulary, self._ends = tokenizer, vocabulary, sorted(ends)
        self._tokens: LLTokenizer | None = None
        self._making = threading.Lock()

    def form(self, schema: Mapping[str, Any], most_tokens: int) -> Form:
        """Return a form for an answer of at most `most_tokens`; the first takes a second to prepare.

        Raises:
            FormRefused: the schema asks for what cannot be ensured
        """
        with self._making:
            self._tokens = self._tokens or from_tokenizer(self._tokenizer, self._vocabulary, self._ends)
        grammar = LLMatcher.grammar_from_json_schema(ending_in_time(schema, most_tokens), overrides=_LAYOUT)
        matcher = LLMatcher(self._tokens, grammar, log_level=0)
        if matcher.is_error():
            raise FormRefused(f"This schema cannot be held to: {matcher.get_error().splitlines()[0]}")
        return Form(matcher)


def ending_in_time(node: Any, most_tokens: int) -> Any:
    """Let no text of an answer have more characters than the answer has tokens.

    A small model would not end a judge's feedback, and be cut off before its score. A token of English holds four
    characters, so that the rest of the answer has room, and no text is short of it.
    """
    if isinstance(node, list):
        return [ending_in_time(one, most_tokens) for one in node]
    if not isinstance(node, Mapping):
        return node
    held = {name: ending_in_time(one, most_tokens) for name, one in node.items()}
    is_free = node.get("type") == "string" and not node.keys() & {"enum", "const", "pattern", "format", "maxLength"}
    return {**held, "maxLength": most_tokens} if is_free else held
