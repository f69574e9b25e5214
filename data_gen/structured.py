"""Answers that must have a form: read with patience, checked, asked for again with the checker's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from data_gen.asking import Answer, Asker, Failure, FailureKind, Request
from data_gen.chat import Conversation, Message
from data_gen.errors import DataGenError
from data_gen.prompts import Prompts

ATTEMPTS = 3

Read = TypeVar("Read")
Form = TypeVar("Form", bound=BaseModel)

_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_MOST_COMPLAINTS, _MOST_BRACES = 4, 50
_LONGEST_QUOTE = 6_000


class NodeFailed(DataGenError):
    """One node of a tree has no usable answer: what the endpoint said, or the last answer and what is wrong with it."""

    def __init__(self, kind: FailureKind | Literal["unusable"], reason: str, raw: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.raw = raw


async def ask_until(
    asker: Asker, request: Request, read: Callable[[Answer], Read], prompts: Prompts, attempts: int = ATTEMPTS
) -> Read:
    """Ask, read, and ask again with the complaint until the answer can be read; `read` raises ValueError.

    Raises:
        NodeFailed: no answer came, or none of `attempts` answers would do (kind "unusable")
    """
    asked = request
    complaint, raw = "", ""
    for _ in range(attempts):
        answer = await asker.ask(asked)
        if isinstance(answer, Failure):
            raise NodeFailed(answer.kind, answer.reason, raw)
        try:
            return read(answer)
        except ValueError as error:
            complaint, raw = in_words(error), answer.text
        asked = _ask_again(request, asked, raw, complaint, prompts)
    raise NodeFailed("unusable", f"After {attempts} answers: {complaint}", raw)


def _ask_again(first: Request, last: Request, raw: str, complaint: str, prompts: Prompts) -> Request:
    """Continue from the first request: a heap of bad answers would only teach to go on like that.

    Each is a draw of its own, for the same bad answer would else make the same request, which a ledger has answered.
    """
    if not raw.strip():
        return replace(last, draw=last.draw + 1)  # many endpoints refuse an empty turn of the assistant
    said = Message(role="assistant", content=raw[:_LONGEST_QUOTE])
    asked = Message(role="user", content=prompts.fill("ask_again", complaint=complaint))
    conversation = Conversation(messages=(*first.conversation.messages, said, asked))
    return replace(first, conversation=conversation, draw=last.draw + 1)


def form_reader(form: type[Form]) -> Callable[[Answer], Form]:
    """Make the function that reads an answer as this form."""
    return lambda answer: form.model_validate(read_json(answer.text, is_cut_off=answer.finish_reason == "length"))


def read_json(text: str, is_cut_off: bool = False) -> Any:
    """Find the JSON object in what a model wrote: within fences, behind a preface, with commas too many.

    Raises:
        ValueError: there is none; the sentence is fit to be sent to the model
    """
    without_trailing_commas = _STRING_OR_TRAILING_COMMA.sub(lambda match: match[1] or "", text)
    try:
        return _first_object(text)
    except ValueError as error:
        first_error = error
    try:
        return _first_object(without_trailing_commas)
    except ValueError:
        if is_cut_off:
            raise ValueError("it was cut off before it ended; write a shorter one.") from None
        raise first_error from None


def _first_object(text: str) -> Any:
    decoder = json.JSONDecoder(strict=False)  # models leave line breaks inside strings
    first_error: json.JSONDecodeError | None = None
    for match in islice(re.finditer(r"\{", text), _MOST_BRACES):
        try:
            found, end = decoder.raw_decode(text, match.start())
        except json.JSONDecodeError as error:
            first_error = first_error or error
            continue
        except RecursionError:
            raise ValueError("it is nested too deeply.") from None
        # What ends before the first error is a part of the broken object, not the object.
        if first_error is None or end > first_error.pos:
            return found
    if first_error is not None:
        raise ValueError(f"it is not valid JSON ({first_error.msg.lower()} at character {first_error.pos}).")
    raise ValueError("it holds no JSON object.")


def in_words(error: ValueError) -> str:
    """Say what a check found, in words for a model or a person."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, one['loc'])) or 'the object'}: {_message(one['msg'])}" for one in found]
    more = [f"and {len(told) - _MOST_COMPLAINTS} more"] if len(told) > _MOST_COMPLAINTS else []
    return "; ".join([*told[:_MOST_COMPLAINTS], *more]) + "."


def _message(message: str) -> str:
    return message.removeprefix("Value error, ").rstrip(".")
