"""Keys and values of the rows in the batch, and those kept from earlier turns.

Active rows live in the leading slots of one tensor a layer, left-aligned, so that a decoding step reads them as one
view without copying. A finished row's keys and values are kept aside under its tokens and adapter: the next turn of the
same column starts with everything but its last words already read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_PIECE = 64
"""Tokens that are compared at once."""


@dataclass(frozen=True)
class Kept:
    """A finished row: its tokens and, per layer, keys and values of shape (key-value heads, tokens, dim)."""

    adapter: str | None
    tokens: tuple[int, ...]
    layers: tuple[tuple[Tensor, Tensor], ...]


class RowCache:
    """Storage for the rows of a batch, grown by need; `keep_tokens` bounds what is kept from finished rows."""

    def __init__(self, layers: int, keep_tokens: int = 32_768) -> None:
        self._slots, self._capacity = 2, 128
        self._keys: list[Tensor | None] = [None] * layers
        self._values: list[Tensor | None] = [None] * layers
        self._kept: OrderedDict[tuple[str | None, tuple[int, ...]], Kept] = OrderedDict()
        self._keep_tokens = keep_tokens

    def layer(self, index: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return a layer's keys and values, each (slots, key-value heads, capacity, dim).

        `like` is any tensor of this layer, (key-value heads, tokens, dim): only its shape and type are read.
        """
        keys, values = self._grown(self._keys[index], like), self._grown(self._values[index], like)
        self._keys[index], self._values[index] = keys, values
        return keys, values

    def reserve(self, slots: int, tokens: int) -> None:
        """Make room for that many rows of that many tokens, in doublings."""
        while self._slots < slots:
            self._slots *= 2
        while self._capacity < tokens:
            self._capacity *= 2

    def move(self, source: int, target: int, tokens: int) -> None:
        """Copy a row of that many tokens to another slot."""
        for layers in (self._keys, self._values):
            for index, storage in enumerate(layers):
                if storage is not None:
                    layers[index] = grown = self._grown(storage, storage[0])
                    grown[target, :, :tokens] = grown[source, :, :tokens]

    def swap(self, one: int, other: int, tokens: int) -> None:
        """Exchange two slots of which the longer row holds that many tokens."""
        for storage in (*self._keys, *self._values):
            if storage is not None:
                held = storage[one, :, :tokens].clone()
                storage[one, :, :tokens] = storage[other, :, :tokens]
                storage[other, :, :tokens] = held

    def keep(self, slot: int, adapter: str | None, tokens: Sequence[int]) -> None:
        """Put a finished row aside; the longest unused goes first when there is too much."""
        name = (adapter, tuple(tokens))
        if not tokens or self._keys[0] is None or len(tokens) > self._keep_tokens:
            return
        layers = tuple(
            (keys[slot, :, : len(tokens)].clone(), values[slot, :, : len(tokens)].clone())
            for keys, values in zip(self._keys, self._values, strict=True)
            if keys is not None and values is not None
        )
        self._kept.pop(name, None)
        self._kept[name] = Kept(adapter, name[1], layers)
        while sum(len(kept.tokens) for kept in self._kept.values()) > self._keep_tokens:
            self._kept.popitem(last=False)

    def recall(self, slot: int, adapter: str | None, tokens: Sequence[int]) -> int:
        """Fill a slot with the longest kept beginning of these tokens; return how many it now holds.

        At least one token is always left to be read, since the model must be run to say what comes next.
        """
        best, shared = None, 0
        for kept in self._kept.values():
            if kept.adapter == adapter and (alike := common(kept.tokens, tokens)) > shared:
                best, shared = kept, alike
        shared = min(shared, len(tokens) - 1)
        if best is None or shared < 1:
            return 0
        self._kept.move_to_end((best.adapter, best.tokens))
        for index, (key, value) in enumerate(best.layers):
            keys, values = self.layer(index, key)
            keys[slot, :, :shared] = key[:, :shared]
            values[slot, :, :shared] = value[:, :shared]
        return shared

    def forget(self, adapter: str | None) -> None:
        """Drop what was kept under an adapter, because its weights changed."""
        for name in [name for name in self._kept if name[0] == adapter]:
            del self._kept[name]

    def _grown(self, storage: Tensor | None, like: Tensor) -> Tensor:
        if storage is not None and storage.shape[0] >= self._slots and storage.shape[2] >= self._capacity:
            return storage
        heads, _, dim = like.shape
        # Zeros, not garbage: a masked weight of 0 times an uninitialised NaN would still be NaN.
        grown = torch.zeros(self._slots, heads, self._capacity, dim, dtype=like.dtype, device=like.device)
        if storage is not None:
            grown[: storage.shape[0], :, : storage.shape[2]] = storage
        return grown


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the tokens with which both begin."""
    most = min(len(one), len(other))
    for start in range(0, most, _PIECE):
        if list(one[start : start + _PIECE]) != list(other[start : start + _PIECE]):
            pairs = zip(one[start:], other[start:], strict=False)
            return start + next((place for place, (left, right) in enumerate(pairs) if left != right), most - start)
    return most
