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
_DEEPEST = 20
"""How far into a schema that names itself texts are counted."""


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
        """Return a form whose answer is whole within about `most_tokens`; the first takes a second to prepare.

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


def ending_in_time(schema: Mapping[str, Any], most_tokens: int) -> dict[str, Any]:
    """Share the room for an answer among its texts: a small model would not end the first, and lose the others.

    A text gets a character for each token of its share. A token of English holds four: the rest is for whatever else
    there is to write, and for other scripts.
    """
    most = max(1, most_tokens // max(1, _texts_of(schema, schema.get("$defs", {}))))
    return {name: _held(node, most) for name, node in schema.items()}


def _texts_of(node: Any, named: Mapping[str, Any], depth: int = 0) -> int:
    """Count the texts in an answer; of a list, those of one item."""
    if not isinstance(node, Mapping) or depth > _DEEPEST:
        return 0
    if _is_free_text(node):
        return 1
    reference = str(node.get("$ref", "")).removeprefix("#/$defs/")
    below = [*node.get("properties", {}).values(), node.get("items"), named.get(reference)]
    return sum(_texts_of(one, named, depth + 1) for one in below)


def _held(node: Any, most: int) -> Any:
    if isinstance(node, list):
        return [_held(one, most) for one in node]
    if not isinstance(node, Mapping):
        return node
    return {
        **{name: _held(one, most) for name, one in node.items()},
        **({"maxLength": most} if _is_free_text(node) else {}),
    }


def _is_free_text(node: Mapping[str, Any]) -> bool:
    return node.get("type") == "string" and not node.keys() & {"enum", "const", "pattern", "format", "maxLength"}
