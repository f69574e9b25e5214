"""Whose answer is whose: does each new answer fit its own system message better than those of its siblings?

A model of this machine reads a sample of the rows (the formulas are in trainer/steerability.py). A teacher that wrote
the same answer to everybody ends at chance, one that wrote to each person far above.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data_gen.whole_file import whole_file
from janus_space import steer, steer_data
from janus_space.errors import ScoringRefused
from janus_space.models import Engines
from janus_space.scorer import Scorer

FILE = "attribution.json"
MOST_INSTRUCTIONS = 24
FLOOR = 0.5
"""Of three siblings, chance is a third; hand-written answers reached 0.86 under SmolLM2-135M-Instruct."""


class Attribution(BaseModel):
    """How many answers of a sample are likeliest under their own message; margins are in nats a token."""

    model_config = ConfigDict(frozen=True)

    model: str
    n: int
    instructions: int
    accuracy: float
    margin: float
    margin_ci: tuple[float, float]
    at_least: float = FLOOR

    @property
    def is_kept(self) -> bool:
        return self.accuracy >= self.at_least


async def attribute(
    dataset: Path, spec: str, engines: Engines, tell: Callable[[str], None], limit: int = MOST_INSTRUCTIONS
) -> Attribution:
    """Read the first `limit` instructions of a dataset folder and keep what was found beside its rows.

    Raises:
        BadRequest: no instruction has two answers
        ScoringRefused: the model could not score them
    """
    data = steer_data.read(dataset / "sft.jsonl", limit)

    def say(event: steer.SteerEvent) -> None:
        if isinstance(event, steer.Steering):
            tell(event.note or f"Whose answer is whose: {event.done} of {event.of} instructions read.")

    (steered,) = await steer.steer([Scorer(spec, "auto", engines)], data, 0, say)
    if steered.told is None:
        raise ScoringRefused(steered.error or f"{spec} gave no scores.")
    told = steered.told
    found = Attribution(
        model=spec,
        n=told.n,
        instructions=told.instructions,
        accuracy=told.attribution.mean,
        margin=told.margin.mean,
        margin_ci=(told.margin.low, told.margin.high),
    )
    with whole_file(dataset / FILE) as file:
        file.write(found.model_dump_json(indent=2) + "\n")
    return found


def read(dataset: Path) -> Attribution | None:
    """Read what was found; None where nobody looked."""
    path = dataset / FILE
    return Attribution.model_validate_json(path.read_text("utf-8")) if path.is_file() else None
