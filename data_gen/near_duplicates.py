"""Texts that are nearly the same: MinHash signatures of word shingles, compared where a band of them agrees.

Broder 1997, "On the resemblance and containment of documents". 320 bytes a text, so that memory stays small.
"""

from __future__ import annotations

import re
import zlib
from array import array

import numpy as np
import numpy.typing as npt

SIMILAR = 0.7
"""Share of common shingles from which two texts count as nearly the same."""

_BANDS, _ROWS_A_BAND = 16, 5
_HASHES = _BANDS * _ROWS_A_BAND
_WORDS_A_SHINGLE = 3
_MOST_SHINGLES = 2_000
_ONE_BUCKET_LOOKS_AT = 20

_rng = np.random.default_rng(20240527)
# Of 64 bits, so that the product wraps around: else every hash would order the shingles alike.
_FACTORS = _rng.integers(0, 2**64, _HASHES, dtype=np.uint64) | np.uint64(1)
_SUMMANDS = _rng.integers(0, 2**64, _HASHES, dtype=np.uint64)

Signature = npt.NDArray[np.uint32]


def signature(text: str) -> Signature:
    """Summarise a text's shingles of three words in 80 numbers."""
    words = re.findall(r"\w+", text.casefold())
    last = max(1, len(words) - _WORDS_A_SHINGLE + 1)
    shingles = {" ".join(words[start : start + _WORDS_A_SHINGLE]) for start in range(last)}
    hashes = np.fromiter((zlib.crc32(one.encode()) for one in sorted(shingles)[:_MOST_SHINGLES]), dtype=np.uint64)
    mixed = (hashes[:, None] * _FACTORS + _SUMMANDS) >> np.uint64(32)  # (shingles, hashes)
    smallest: Signature = mixed.min(axis=0).astype(np.uint32)
    return smallest


class NearDuplicates:
    """Texts in order, and for each of them the earlier one that it resembles."""

    def __init__(self) -> None:
        self._signatures = array("I")

    def __len__(self) -> int:
        return len(self._signatures) // _HASHES

    def add(self, text: str) -> None:
        self._signatures.frombytes(signature(text).tobytes())

    def find(self) -> dict[int, tuple[int, float]]:
        """Map each text that nearly repeats an earlier one to the earliest such, with their likeness."""
        all_signatures = np.frombuffer(self._signatures, dtype=np.uint32).reshape(-1, _HASHES)
        found: dict[int, tuple[int, float]] = {}
        for band in range(_BANDS):
            columns = all_signatures[:, band * _ROWS_A_BAND : (band + 1) * _ROWS_A_BAND]
            for bucket in _buckets(np.ascontiguousarray(columns)):
                self._compare(all_signatures, bucket, found)
        return dict(sorted(found.items()))

    @staticmethod
    def _compare(signatures: npt.NDArray[np.uint32], bucket: list[int], found: dict[int, tuple[int, float]]) -> None:
        first_ones = signatures[bucket[:_ONE_BUCKET_LOOKS_AT]]  # a bucket of thousands holds copies of its first few
        for place, later in enumerate(bucket[1:], 1):
            likeness = np.mean(first_ones[:place] == signatures[later], axis=1)
            alike = int(np.argmax(likeness >= SIMILAR))  # the first such, or 0
            if likeness[alike] >= SIMILAR and bucket[alike] < found.get(later, (later, 0.0))[0]:
                found[later] = (bucket[alike], round(float(likeness[alike]), 3))


def _buckets(columns: npt.NDArray[np.uint32]) -> list[list[int]]:
    """Group the rows that are equal, each group in order."""
    if not len(columns):
        return []
    keys = columns.view([("", np.uint32)] * columns.shape[1]).ravel()
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1
    return [group.tolist() for group in np.split(order, starts) if len(group) > 1]
