"""Instructions that a benchmark has too: a model trained on them would be tested on what it has seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from data_gen.instructions import read_instructions
from data_gen.near_duplicates import SIMILAR, signature

_SHOWN_CHARACTERS = 300


class Leak(BaseModel):
    """An instruction that nearly repeats one of a benchmark."""

    model_config = ConfigDict(frozen=True)

    instruction_id: str
    benchmark: str
    likeness: float
    text: str


class LeakSearch:
    """The instructions of benchmark files, ready to be compared with."""

    def __init__(self, benchmarks: Iterable[Path]) -> None:
        found = [(path.name, one.text) for path in benchmarks for one in read_instructions(path) if one.text]
        self._names: Sequence[str] = [name for name, _ in found]
        self._signatures = np.stack([signature(text) for _, text in found]) if found else None

    def find(self, instruction_id: str, text: str) -> Leak | None:
        """Return the benchmark's instruction that is most like this one, if it is nearly the same."""
        if self._signatures is None:
            return None
        likeness = np.mean(self._signatures == signature(text), axis=1)
        best = int(np.argmax(likeness))
        if likeness[best] < SIMILAR:
            return None
        return Leak(
            instruction_id=instruction_id,
            benchmark=self._names[best],
            likeness=round(float(likeness[best]), 3),
            text=text[:_SHOWN_CHARACTERS],
        )
