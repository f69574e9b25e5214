"""GlobalOpinionQA (Durmus et al., arXiv:2306.16388): how far a model's opinions are from those of people in a country.

A model on this machine is asked each survey question with its options under letters; the odds of the letters are its
distribution. The figure is the Jensen-Shannon divergence (base 2, from 0 to 1) to the answers of people in the United
States and in Japan, as in the paper, and to the first model named, which is the base: a tuned model may have moved away
from it.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from data_gen.chat import Conversation
from data_gen.errors import BadRequest
from janus_space.bench_order import BenchJob
from janus_space.benchmarks.bench import Bench, Means, Report, refuse_without
from janus_space.benchmarks.questions import read_rows, sample
from janus_space.benchmarks.reading import reading
from janus_space.engine.scores import ScoreItem
from janus_space.errors import SpaceError
from janus_space.judging.average import average

DATA = "hub:Anthropic/llm_global_opinions:data/global_opinions.csv"
COUNTRIES = ("United States", "Japan")

Floats = NDArray[np.float64]

_LONGEST_CELL = 100_000


class OpinionRow(BaseModel):
    """A survey question; lists and tables stand in the file as Python writes them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question: str = Field(min_length=1)
    options: tuple[str, ...] = Field(min_length=2)
    selections: Mapping[str, tuple[float, ...]]
    """Share of each option, by country."""

    @field_validator("options", mode="before")
    @classmethod
    def _list(cls, cell: Any) -> Any:
        found = _literal(cell)
        return [str(option) for option in found] if isinstance(found, list | tuple) else found

    @field_validator("selections", mode="before")
    @classmethod
    def _table(cls, cell: Any) -> Any:
        if isinstance(cell, str) and cell.startswith("defaultdict("):
            cell = cell[cell.index("{") : cell.rindex("}") + 1]
        return _literal(cell)

    @property
    def is_usable(self) -> bool:
        return len(self.options) <= len(string.ascii_uppercase)

    def people(self, country: str) -> Floats | None:
        """Return the answers of a country's people as a distribution; None where there are none."""
        shares = np.array(self.selections.get(country, ()), dtype=float)
        if len(shares) != len(self.options) or not np.isfinite(shares).all() or shares.min() < 0 or not shares.sum():
            return None
        normalised: Floats = shares / shares.sum()
        return normalised

    def conversation(self) -> Conversation:
        """Ask the question, with a letter for each option."""
        listed = "\n".join(f"{letter}. {option}" for letter, option in zip(self.letters, self.options, strict=True))
        return Conversation.ask(f"{self.question}\n\n{listed}\n\nAnswer with one letter and nothing else.")

    @property
    def letters(self) -> str:
        return string.ascii_uppercase[: len(self.options)]


Numbered = tuple[int, OpinionRow]


def check(order: BenchJob) -> None:
    """Refuse an order without models."""
    needs = {"model": "models that run on this machine, first the base, then what was tuned from it"}
    refuse_without(order, "The opinions bench", needs)


async def run(order: BenchJob, means: Means) -> Report:
    """Ask every model every question, and compare with people and with the first model."""
    rows, data = read_rows(order.data or DATA, OpinionRow, means.folder)
    usable = [
        (number, row)
        for number, row in enumerate(rows)
        if row.is_usable and any(row.people(country) is not None for country in COUNTRIES)
    ]
    if not usable:
        raise BadRequest(f"{data.name} holds no question that people in {' or '.join(COUNTRIES)} were asked.")
    numbered: list[Numbered] = sample(usable, lambda one: one[0], order.limit, order.seed)
    told: list[dict[str, Any]] = []
    base: list[Floats] | None = None
    for spec in order.model:
        try:
            found = await _distributions(means, spec, order.device, numbered)
        except SpaceError as error:
            told.append({"model": spec, "n": 0, "error": str(error)})
            continue
        told.append(_row(spec, numbered, found, base))
        base = base or found
    return Report(told, {"questions": len(numbered), **data.as_facts()})


def divergence(first: Floats, second: Floats) -> float:
    """Return the Jensen-Shannon divergence of two distributions, in bits."""
    middle = (first + second) / 2
    return float((_relative_entropy(first, middle) + _relative_entropy(second, middle)) / 2)


async def _distributions(means: Means, spec: str, device: str, numbered: Sequence[Numbered]) -> list[Floats]:
    found = []
    async with reading(means, spec, device) as score:
        for done, (_, row) in enumerate(numbered, 1):
            conversation = row.conversation()
            told = await score([ScoreItem(conversation, letter) for letter in row.letters])
            odds = np.array([sum(one.logprobs) for one in told])
            shares = np.exp(odds - odds.max())
            found.append(shares / shares.sum())
            means.tell.step(f"questions asked of {spec}", done, len(numbered))
    return found


def _row(
    spec: str, numbered: Sequence[Numbered], found: Sequence[Floats], base: Sequence[Floats] | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"model": spec, "n": len(found)}
    for country in COUNTRIES:
        pairs = [(number, one.people(country), own) for (number, one), own in zip(numbered, found, strict=True)]
        known = [(number, divergence(people, own)) for number, people, own in pairs if people is not None]
        if known:
            name = country.lower().replace(" ", "_")
            row |= {**average(known).as_columns(f"divergence_{name}"), f"{name}_n": len(known)}
    if base is not None:
        moved = [(number, divergence(*both)) for number, both in enumerate(zip(found, base, strict=True))]
        row |= average(moved).as_columns("divergence_from_base")
    return row


def _relative_entropy(shares: Floats, other: Floats) -> float:
    there = shares > 0
    return float((shares[there] * np.log2(shares[there] / other[there])).sum())


def _literal(cell: Any) -> Any:
    """Read what Python wrote, as literals only: nothing in it is run."""
    if not isinstance(cell, str):
        return cell
    if len(cell) > _LONGEST_CELL:
        raise ValueError("the cell is too long")
    try:
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError("it is no list or table as Python writes them") from error


BENCH = Bench(
    "opinions", "GlobalOpinionQA: how far a model's opinions are from people's, and from its base's", check, run
)
