"""API keys that visitors lend for as long as they stay: in this process's memory, never in a component or a file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from data_gen.openai_spec import origin


class VisitorKeys:
    """Keys by visitor and origin. A key is sent to the origin it was given for, and to no other."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, str]] = {}

    def keep(self, visitor: str, endpoint: str, key: str) -> str:
        """Remember a key, or forget it if it is empty; return its origin. Raise `BadRequest` for what is no address."""
        address = origin(endpoint)
        mine = self._keys.setdefault(visitor, {})
        if key:
            mine[address] = key
        else:
            mine.pop(address, None)
        return address

    def of(self, visitor: str) -> Mapping[str, str]:
        return self._keys.get(visitor, {})

    def forget(self, visitor: str) -> None:
        """Drop all keys of a visitor who has left."""
        self._keys.pop(visitor, None)


def new_visitor() -> str:
    """Name a visitor unguessably; the browser never learns the name."""
    return secrets.token_hex(16)
