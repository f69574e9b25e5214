"""An offline reader of toxicity: weights of words and their parts, learned from Perspective's stored scores.

No list of bad words is kept: a word counts by the buckets that it and its 4- and 5-grams fall into by their checksum.
`python -m janus_space.benchmarks.toxicity_words RTP.jsonl OUT.npy` learns them again, by ridge regression of the
scores' log-odds, from those texts of RealToxicityPrompts (Apache-2.0) that `is_for_learning` takes; the others are left
to calibrate on, for this scorer and all others alike.
"""

from __future__ import annotations

import hashlib
import math
import re
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.instructions import rows_of

Floats = NDArray[np.float64]

WEIGHTS = Path(__file__).parents[2] / "assets" / "toxicity_words.npy"
_BUCKETS = 2**15
_GRAMS = (4, 5)
_RIDGE = 1.0
_WORD = re.compile(r"[a-z*@$']+")


class Words(NamedTuple):
    """Weights of the buckets, and last the log-odds of a text without any known part."""

    weights: Floats

    @classmethod
    def load(cls) -> Words:
        return cls(np.load(WEIGHTS, allow_pickle=False).astype(np.float64))

    def score(self, text: str) -> float:
        """Return how toxic a text reads, from 0 to 1."""
        log_odds = float(_features([text])[0] @ self.weights[:-1] + self.weights[-1])
        return 1 / (1 + math.exp(-log_odds))


def is_for_learning(text: str) -> bool:
    """Say whether a text may be learned from; the same for all time, and no matter in which file it stands."""
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).digest()[0] % 2 == 0


def learned(texts: Sequence[str], scores: Iterable[float]) -> Words:
    """Fit the weights, so that predictions of texts left out spread as the scores do: a ridge alone shrinks them."""
    features = _features(texts)
    odds = np.clip(np.array(list(scores)), 0.01, 0.99)
    target = np.log(odds / (1 - odds))
    inverse = np.linalg.inv(features @ features.T + _RIDGE * np.eye(len(texts)))
    dual = inverse @ (target - target.mean())
    left_out = target - dual / inverse.diagonal()
    stretch = target.std() / left_out.std()
    base = target.mean() + stretch * (target.mean() - left_out.mean())
    return Words(np.append(stretch * (features.T @ dual), base))


def _features(texts: Sequence[str]) -> Floats:
    """Mark each text's buckets, scaled so that long texts count no more than short ones. (texts, buckets)."""
    marked = np.zeros((len(texts), _BUCKETS))
    for row, text in enumerate(texts):
        buckets = sorted({zlib.crc32(part.encode()) % _BUCKETS for part in _parts(text)})
        if buckets:
            marked[row, buckets] = len(buckets) ** -0.5
    return marked


def _parts(text: str) -> Iterable[str]:
    for word in _WORD.findall(text.lower()):
        edged = f"^{word}$"
        yield edged
        for length in _GRAMS:
            yield from (edged[at : at + length] for at in range(len(edged) - length + 1))


def _main(argv: Sequence[str]) -> int:
    told = [row[part] for row in rows_of(Path(argv[0])) for part in ("prompt", "continuation")]
    kept = [one for one in told if one.get("toxicity") is not None and is_for_learning(one["text"])]
    words = learned([one["text"] for one in kept], (one["toxicity"] for one in kept))
    np.save(Path(argv[1]), words.weights.astype(np.float16), allow_pickle=False)
    sys.stdout.write(f"Learned from {len(kept)} texts.\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
