"""`openai:MODEL[@BASE_URL]`: which model, at which address, and which key may be sent there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from data_gen.errors import BadRequest

DEFAULT_BASE_URL = "https://api.openai.com/v1"
FORM = "openai:MODEL or openai:MODEL@BASE_URL, such as openai:llama3.2:3b@http://127.0.0.1:11434/v1"

# Greedy, so that the last "@http" splits: model names may hold @, / and : themselves.
_SPEC = re.compile(r"openai:(?P<model>\S+)@(?P<base_url>https?:\S+)|openai:(?P<only_model>\S+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class OpenAISpec(NamedTuple):
    """A model's name at its endpoint, and the endpoint's base URL."""

    model: str
    base_url: str


def parse_openai_spec(spec: str) -> OpenAISpec:
    """Split a spec into model and base URL, without a trailing slash; raise `BadRequest` when it is none."""
    match = _SPEC.fullmatch(spec.strip())
    if match is None:
        raise BadRequest(f"This is not a model behind an OpenAI-compatible API; write {FORM}.")
    if match["only_model"]:
        return OpenAISpec(match["only_model"], DEFAULT_BASE_URL)
    return OpenAISpec(match["model"], checked_base_url(match["base_url"]))


def checked_base_url(base_url: str) -> str:
    """Return the URL without a trailing slash; refuse what is no plain address.

    The refusal never repeats the URL: it may hold a key.
    """
    try:
        parts = urlsplit(base_url)
        port_is_valid = parts.port != 0
    except ValueError:
        raise BadRequest(
            "The base URL of the openai: model is not a valid address; write http(s)://HOST:PORT/v1."
        ) from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadRequest(
            "The base URL of the openai: model must hold no user name, password or ?query, because specs are stored and"
            " shared; give the key on its own."
        )
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not port_is_valid:
        raise BadRequest("The base URL of the openai: model is not a valid address; write http(s)://HOST:PORT/v1.")
    return base_url.rstrip("/")


def origin(base_url: str) -> str:
    """Return scheme, host and port as one text, to which a key is bound."""
    parts = urlsplit(checked_base_url(base_url))
    return f"{parts.scheme}://{host(base_url)}"


def host(base_url: str) -> str:
    """Return host, and port unless it is the scheme's own, as people write it."""
    parts = urlsplit(base_url)
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return name if port == _DEFAULT_PORTS[parts.scheme] else f"{name}:{port}"


def is_openai(base_url: str) -> bool:
    """Say whether this is OpenAI itself, not one of the many compatible servers."""
    return origin(base_url) == origin(DEFAULT_BASE_URL)


def api_key_for(
    base_url: str, session_keys: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> str | None:
    """Return the key that may be sent to this address, or None.

    A session key goes only to the origin it was given for. OPENAI_API_KEY goes only to api.openai.com and to the
    origin of OPENAI_BASE_URL: sent anywhere else it would be given away.
    """
    wanted = origin(base_url)
    for address, key in session_keys.items():
        if origin(address) == wanted:
            return key
    trusted = {origin(DEFAULT_BASE_URL)}
    if environment.get("OPENAI_BASE_URL"):
        trusted.add(origin(environment["OPENAI_BASE_URL"]))
    return environment.get("OPENAI_API_KEY") or None if wanted in trusted else None
