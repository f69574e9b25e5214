"""Votes for tests: made by hand, or drawn from models of known strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from janus_space.votes import Verdict, Vote, VotedColumn

_numbers = count()


def make_vote(models: Sequence[str], verdict: Verdict, systems: Sequence[str | None] = (), **fields: Any) -> Vote:
    """Vote on these models, by default under one system message, blind, by one voter."""
    columns = tuple(
        VotedColumn(model=model, name=model.upper(), system=system, answer=f"{model} answers {index}")
        for index, (model, system) in enumerate(zip(models, systems or ["Be kind."] * len(models), strict=True))
    )
    given = {"comparison": f"c{next(_numbers)}", "voter": "me", "was_blind": True, "prompt": "Why?", "columns": columns}
    return Vote(verdict=verdict, **given | fields)


def votes_drawn(
    rng: np.random.Generator, strengths: Sequence[float], n_votes: int, sizes: Sequence[int] = (2,)
) -> Iterator[Vote]:
    """Let models m0, m1, ... meet at random; the winner is drawn in proportion to exp(strength)."""
    for _ in range(n_votes):
        met = rng.choice(len(strengths), size=rng.choice(sizes), replace=False)
        worth = np.exp(np.take(strengths, met))
        yield make_vote([f"m{model}" for model in met], int(rng.choice(len(met), p=worth / worth.sum())))
