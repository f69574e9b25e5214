"""What the answers of each level took, and what all of them will take."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from data_gen.asking import Answer
from data_gen.cost import PICOUSD_PER_USD, Prices
from data_gen.records import LEVELS, Level


class LevelCost(BaseModel):
    """Answers of one level of the tree; `usd` is None where no price is known."""

    model_config = ConfigDict(frozen=True)

    answers: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None


@dataclass
class _Sum:
    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Tally:
    """Counts answers by level, whether they were paid for now or earlier."""

    def __init__(self) -> None:
        self._sums: dict[Level, _Sum] = {level: _Sum() for level in LEVELS}

    def add(self, level: Level, answer: Answer) -> None:
        found = self._sums[level]
        found.answers += 1
        found.prompt_tokens += answer.prompt_tokens
        found.completion_tokens += answer.completion_tokens

    def costs(self, prices: Prices | None, times: float = 1.0) -> dict[Level, LevelCost]:
        """Return what each level took, or would take if there were `times` as many instructions."""
        return {level: _cost(found, prices, times) for level, found in self._sums.items() if found.answers}


def total_usd(costs: dict[Level, LevelCost]) -> float | None:
    """Add up the levels; None where no price is known."""
    amounts = [cost.usd for cost in costs.values() if cost.usd is not None]
    return round(sum(amounts), 6) if len(amounts) == len(costs) and costs else None


def _cost(found: _Sum, prices: Prices | None, times: float) -> LevelCost:
    prompt_tokens, completion_tokens = round(found.prompt_tokens * times), round(found.completion_tokens * times)
    usd = None if prices is None else prices.picousd(prompt_tokens, completion_tokens) / PICOUSD_PER_USD
    return LevelCost(
        answers=round(found.answers * times),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        usd=None if usd is None else round(usd, 6),
    )
