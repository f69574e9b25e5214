"""The explanations of one visitor's answers: which are under way, and what was found; they live on the board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from data_gen.chat import Conversation
from janus_space.explain import Influence


class Asked(NamedTuple):
    """An answer, and all that it came from."""

    model: str
    device: str
    conversation: Conversation
    answer: str


@dataclass
class Explanations:
    """By column: the run that explains its answer, and the answer explained last."""

    run_ids: dict[int, str] = field(default_factory=dict)
    found: dict[int, tuple[Asked, Influence]] = field(default_factory=dict)

    def of(self, column: int, asked: Asked | None) -> Influence | None:
        """Give what was found about this very answer; an explanation of an older one counts no more."""
        known = self.found.get(column)
        return known[1] if known is not None and known[0] == asked else None
