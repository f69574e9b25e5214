"""The launch token: whoever holds it owns the house, as with Jupyter. Made at the start, told once, kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
import secrets

TOKEN_QUESTION = "token"
"""How it is shown in an address: ?token=…"""

_BYTES = 32


class LaunchToken:
    """256 random bits as text. Only `told` gives them out; neither repr nor an error holds them."""

    def __init__(self) -> None:
        self._text = secrets.token_urlsafe(_BYTES)

    def __repr__(self) -> str:
        return "LaunchToken(***)"

    @property
    def told(self) -> str:
        """The token itself, for the one line that tells it and for the cookie of who has shown it."""
        return self._text

    def matches(self, offered: str) -> bool:
        """Compare in a time that says nothing about how much of it was right."""
        return hmac.compare_digest(_digest(offered), _digest(self._text))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
