"""What the openai client, its transport and the endpoint throw, as one `ChatError` in one sentence for people."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx2
import openai

from data_gen.errors import (
    ChatCreditSpent,
    ChatCutOff,
    ChatError,
    ChatGarbage,
    ChatRateLimited,
    ChatRefused,
    ChatTimeout,
    ChatUnavailable,
)

_LONGEST_QUOTE = 300
_SECRET = re.compile(r"\b(sk-|hf_|Bearer\s+)\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a connection, for any byte, and for any piece of an answer.

    The last is for endpoints that keep the connection warm with comments and never answer.
    """

    connect_seconds: float = 5.0
    byte_seconds: float = 60.0
    piece_seconds: float = 300.0


PATIENCE = Patience()


@dataclass(frozen=True)
class Addressee:
    """Whom a question went to, for sentences about what went wrong."""

    host: str
    model: str
    api_key: str | None = field(repr=False)
    is_own_engine: bool = False
    patience: Patience = PATIENCE

    @property
    def name(self) -> str:
        return "The engine on this machine" if self.is_own_engine else self.host


def chat_error(error: Exception, addressee: Addressee, has_begun: bool) -> ChatError:
    """Translate anything that asking may throw; `has_begun` says that the answer had started to arrive."""
    if isinstance(error, ChatError):
        return error
    if isinstance(error, openai.APIStatusError):
        return _refusal(error, addressee)
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        return _error_in_stream(error, addressee)
    return _connection_error(error, addressee, has_begun)


def _refusal(error: openai.APIStatusError, addressee: Addressee) -> ChatError:
    status, name = error.status_code, addressee.name
    said = _quoted(error.body, addressee)
    if status == 429:
        return _rate_limit(error, addressee)
    if status >= 500:
        kind: type[ChatError] = ChatUnavailable
        sentence = f"{name} failed ({status}{said}): the fault is on its side, so try again in a moment."
    else:
        kind = ChatRefused
        sentence = _refusal_sentence(status, said, addressee)
    if addressee.is_own_engine and said:
        return kind(_message(error.body, addressee))  # the engine's own sentences already say what to do
    return kind(sentence)


def _refusal_sentence(status: int, said: str, addressee: Addressee) -> str:
    name = addressee.name
    if status == 401 and addressee.api_key is None:
        return (
            f"{name} asks for an API key ({status}): enter one for this address, or set OPENAI_API_KEY"
            " (with OPENAI_BASE_URL for any address but api.openai.com)."
        )
    if status == 401:
        # What the endpoint says is left out: it may repeat part of the key.
        return (
            f"{name} does not accept the API key ({status}): check that it belongs to this address and is still valid."
        )
    if status == 403:
        return (
            f"{name} does not allow this ({status}{said}): use a key that may use {addressee.model}, or another model."
        )
    if status == 404:
        return (
            f"{name} does not know the model {addressee.model} or the path ({status}{said}):"
            " check the model's name, and that the base URL ends as the server's manual says, mostly in /v1."
        )
    if status < 400:
        return (
            f"{name} redirects to another address ({status}), not followed because the key is meant for this one:"
            " use the final base URL."
        )
    return f"{name} did not accept the request ({status}{said}): change the model, the text or the settings."


def _rate_limit(error: openai.APIStatusError, addressee: Addressee) -> ChatRateLimited:
    if "insufficient_quota" in (error.code, error.type):
        return ChatCreditSpent(
            f"{addressee.name} says that the credit of this key is used up (429): add credit there, or use another key."
        )
    wait_seconds = _retry_after_seconds(error.response.headers)
    when = "in a moment" if wait_seconds is None else f"in {wait_seconds:.0f} s"
    return ChatRateLimited(f"{addressee.name} gets too many requests (429): try again {when}.", wait_seconds)


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
            return float(text) / per_second
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except ValueError:
        return None


def _error_in_stream(error: openai.APIError, addressee: Addressee) -> ChatError:
    """Translate an error that came as a piece of a 200 stream, as vLLM and OpenAI send it."""
    said = _quoted(error.body, addressee)
    if addressee.is_own_engine and said:
        return ChatUnavailable(_message(error.body, addressee))
    if "insufficient_quota" in (error.code, error.type):
        return ChatCreditSpent(f"{addressee.name} says that the credit of this key is used up: add credit there.")
    return ChatUnavailable(f"{addressee.name} broke its answer off with an error{said}: try again in a moment.")


def _connection_error(error: Exception, addressee: Addressee, has_begun: bool) -> ChatError:
    # The transports disagree on names (aiohttp's refused connection comes as a ConnectTimeout), their causes do not.
    causes = tuple(_causes(error))
    name = addressee.name

    def is_any(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if is_any(ssl.SSLError):
        return ChatUnavailable(
            f"{name} has no valid TLS certificate for this address: check the base URL's https and host."
        )
    if is_any(TimeoutError, httpx2.ReadTimeout):
        return _timeout(addressee, has_begun, is_silent=is_any(httpx2.ReadTimeout))
    if addressee.is_own_engine:
        return cut_off(addressee) if has_begun else ChatUnavailable(f"{name} has stopped: ask again, which starts it.")
    if is_any(socket.gaierror):
        return ChatUnavailable(f"There is no machine called {name}: check the base URL's spelling, and the network.")
    if isinstance(error, ValueError):
        return garbage(addressee, "sent something that is not a chat completion")
    if has_begun:
        return cut_off(addressee)
    if is_any(ConnectionRefusedError):
        return ChatUnavailable(f"Nobody answers at {name}: check the address, and that the server is running.")
    if isinstance(error, openai.APIConnectionError | httpx2.RequestError | OSError):
        return ChatUnavailable(f"The connection to {name} failed: check the address, and that the server is running.")
    return garbage(addressee, "does not answer as a web server does")


def _timeout(addressee: Addressee, has_begun: bool, is_silent: bool) -> ChatTimeout:
    name, patience = addressee.name, addressee.patience
    if is_silent:
        return ChatTimeout(f"{name} sent nothing for {patience.byte_seconds:.0f} s: try again, or ask for less.")
    if has_begun:
        return ChatTimeout(f"{name} sent no part of an answer for {patience.piece_seconds:.0f} s: try again later.")
    return ChatTimeout(
        f"{name} could not be reached within {patience.connect_seconds:.0f} s: check the address and the network."
    )


def garbage(addressee: Addressee, what: str) -> ChatGarbage:
    """Say that the reply is no chat completion."""
    return ChatGarbage(
        f"{addressee.name} {what}: check that the base URL is that of an OpenAI-compatible API, mostly ending in /v1."
    )


def cut_off(addressee: Addressee) -> ChatCutOff:
    """Say that the stream ended before the answer did."""
    return ChatCutOff(
        f"{addressee.name} cut the answer off before its end: what arrived is not a whole answer, so try again."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _message(body: object, addressee: Addressee) -> str:
    """Return the endpoint's own words: one line, short, without anything that looks like a secret."""
    said = body
    if isinstance(body, Mapping):
        said = next((body[name] for name in ("message", "detail", "error") if isinstance(body.get(name), str)), "")
    if not isinstance(said, str) or "<" in said:  # an HTML error page says nothing to a reader
        return ""
    if addressee.api_key:
        said = said.replace(addressee.api_key, "***")
    said = _SECRET.sub("***", " ".join("".join(c if c.isprintable() else " " for c in said).split()))
    return said if len(said) <= _LONGEST_QUOTE else f"{said[:_LONGEST_QUOTE]}…"


def _quoted(body: object, addressee: Addressee) -> str:
    message = _message(body, addressee)
    return f", “{message}”" if message else ""
